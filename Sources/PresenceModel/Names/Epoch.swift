// Rollcall · PresenceModel

import Basics

/// The name of one history of a topic.
///
/// A new one is drawn when an empty topic gets a presence, and when Redis may have lost writes.
package struct Epoch: Hashable, Sendable, CustomStringConvertible {
    /// Never 0, except in ``Cursor/empty``.
    package let value: UInt64

    package static func random() -> Epoch {
        Epoch(value: .random(in: 1...UInt64.max))
    }

    /// Reads 16 lower-case hexadecimal digits; `nil` for anything else, and for 0.
    package init?(utf8: UnsafeBufferPointer<UInt8>) {
        guard utf8.count == 16 else { return nil }
        var value: UInt64 = 0
        for byte in utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt64(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt64(byte - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        guard value != 0 else { return nil }
        self.value = value
    }

    package init?(utf8: some Sequence<UInt8>) {
        guard let epoch = utf8.withBytes({ Epoch(utf8: $0) }) else { return nil }
        self = epoch
    }

    init(value: UInt64) {
        self.value = value
    }

    /// 16 lower-case hexadecimal digits.
    package var description: String {
        String(decoding: hexDigits(of: value, count: 16), as: UTF8.self)
    }
}
