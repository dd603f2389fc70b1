// Rollcall · PresenceModel

import Basics

/// A position as clients get it, `<epoch>-<seq>`: the same cursor means the same state on every node.
package struct Cursor: Hashable, Sendable, CustomStringConvertible {
    package let epoch: Epoch
    /// How many messages the epoch has published.
    package let seq: Int

    /// The cursor of an empty topic, `0-0`.
    package static let empty = Cursor(epoch: Epoch(value: 0), seq: 0)

    package init(epoch: Epoch, seq: Int) {
        self.epoch = epoch
        self.seq = seq
    }

    /// Reads ``description``; `nil` for any other text.
    package init?(_ text: String) {
        if text == Self.empty.description {
            self = .empty
            return
        }
        let bytes = Array(text.utf8)
        guard bytes.count > 17, bytes[16] == UInt8(ascii: "-"), let epoch = Epoch(utf8: bytes[..<16]),
            let seq = decimal(bytes[17...])
        else { return nil }
        self.init(epoch: epoch, seq: seq)
    }

    package var isEmpty: Bool { self == .empty }

    package var description: String {
        isEmpty ? "0-0" : "\(epoch)-\(seq)"
    }
}
