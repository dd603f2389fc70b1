// Rollcall · PresenceModel

import Basics

/// The text of a topic or a key: 1 to 256 bytes of UTF-8 without control characters.
///
/// Names are equal when their bytes are equal. `String` compares by canonical equivalence: it takes a composed and a
/// decomposed `ü` for equal, so that one user could act for another.
struct Name: Sendable {
    static let maximumBytes = 256

    let text: String
    /// `String` compares two ASCII texts by bytes, and faster than the functions of this module.
    private let isASCII: Bool

    init(_ text: String, _ noun: StaticString, at location: InputError.Location) throws(InputError) {
        var text = text
        text.makeContiguousUTF8()
        switch text.utf8.withBytes(Self.check) {
        case .success(let isASCII): self.init(checked: text, isASCII: isASCII)
        case .failure(let fault): throw InputError(.malformed, at: location, fault.detail(noun))
        }
    }

    init?(utf8: UnsafeBufferPointer<UInt8>) {
        guard case .success(let isASCII) = Self.check(utf8) else { return nil }
        if isASCII {
            self.init(checked: String(decoding: utf8, as: UTF8.self), isASCII: true)
        } else {
            guard let text = String(validating: utf8, as: UTF8.self) else { return nil }
            self.init(checked: text, isASCII: false)
        }
    }

    /// Whether the bytes are the text of a name.
    static func isValid(_ utf8: UnsafeBufferPointer<UInt8>) -> Bool {
        guard case .success(let isASCII) = check(utf8) else { return false }
        return isASCII || String(validating: utf8, as: UTF8.self) != nil
    }

    private init(checked text: String, isASCII: Bool) {
        self.text = text
        self.isASCII = isASCII
    }
}

extension Name: Hashable, Comparable {
    static func == (left: Name, right: Name) -> Bool {
        // `String` takes the Kelvin sign for a K, so ASCII text is never compared with other text.
        if left.isASCII != right.isASCII { return false }
        if left.isASCII { return left.text == right.text }
        return left.text.utf8.withBytes { left in right.text.utf8.withBytes { right in equalBytes(left, right) } }
    }

    static func < (left: Name, right: Name) -> Bool {
        if left.isASCII && right.isASCII { return left.text < right.text }
        return left.text.utf8.withBytes { left in right.text.utf8.withBytes { right in precedes(left, right) } }
    }

    func hash(into hasher: inout Hasher) {
        text.utf8.withBytes { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        // No name holds 0xFF. The byte ends the name, so that two fields never hash as one.
        hasher.combine(0xFF as UInt8)
    }
}

extension Name {
    /// The fault of a UTF-8 text that is no name.
    private enum Fault: Error {
        case empty
        case long(Int)
        case control(UInt8, position: Int)

        func detail(_ noun: StaticString) -> String {
            switch self {
            case .empty:
                return "A \(noun) has 1 to \(maximumBytes) bytes of UTF-8; this one is empty."
            case .long(let count):
                return "A \(noun) has 1 to \(maximumBytes) bytes of UTF-8; this one has \(count)."
            case .control(let scalar, let position):
                let code = String(decoding: hexDigits(of: UInt64(scalar), count: 4, uppercase: true), as: UTF8.self)
                return "A \(noun) has no control characters (U+0000–U+001F, U+007F–U+009F); "
                    + "this one has U+\(code) at byte \(position)."
            }
        }
    }

    /// Returns the fault of bytes that may be UTF-8, or whether all of them are ASCII.
    private static func check(_ bytes: UnsafeBufferPointer<UInt8>) -> Result<Bool, Fault> {
        if bytes.isEmpty { return .failure(.empty) }
        if bytes.count > maximumBytes { return .failure(.long(bytes.count)) }
        var isASCII = true
        for position in bytes.indices {
            let byte = bytes[position]
            if byte < 0x20 || byte == 0x7F { return .failure(.control(byte, position: position)) }
            guard byte >= 0x80 else { continue }
            isASCII = false
            // The C1 controls, U+0080–U+009F, are C2 80–C2 9F in UTF-8.
            if byte == 0xC2, position + 1 < bytes.count, case 0x80...0x9F = bytes[position + 1] {
                return .failure(.control(bytes[position + 1], position: position))
            }
        }
        return .success(isASCII)
    }
}
