// Rollcall · Basics

extension InputError.Location {
    /// Returns the place of the member `name` of the object at this place.
    package func member(_ name: String) -> Self {
        member(utf8: name.utf8)
    }

    /// Returns the place of an element of the array at this place.
    package func element(_ index: Int) -> Self {
        appending(String(index))
    }

    /// The most bytes of a name in a pointer: without a bound a small request could get a large answer.
    private static let longestName = 256

    private func member(utf8 name: String.UTF8View) -> Self {
        var token: [UInt8] = []
        for byte in name.prefix(Self.longestName) {
            switch byte {
            // RFC 6901 §3.
            case UInt8(ascii: "~"): token.append(literal: "~0")
            case UInt8(ascii: "/"): token.append(literal: "~1")
            // RFC 6901 §6: bytes that RFC 3986 does not allow in a fragment are percent-encoded.
            case _ where Self.isAllowedInFragment(byte): token.append(byte)
            default:
                token.append(UInt8(ascii: "%"))
                token.append(contentsOf: hexDigits(of: UInt64(byte), count: 2, uppercase: true))
            }
        }
        if name.count > Self.longestName { token.append(literal: "%E2%80%A6") }
        return appending(String(decoding: token, as: UTF8.self))
    }

    private func appending(_ token: String) -> Self {
        switch self {
        case .pointer(let text): .pointer("\(text)/\(token)")
        case .parameter: self
        }
    }

    private static func isAllowedInFragment(_ byte: UInt8) -> Bool {
        if Base64URL.contains(byte) { return true }
        return switch byte {
        case UInt8(ascii: "!"), UInt8(ascii: "$"), UInt8(ascii: "&")...UInt8(ascii: ","), UInt8(ascii: "."),
            UInt8(ascii: ":"), UInt8(ascii: ";"), UInt8(ascii: "="), UInt8(ascii: "?"), UInt8(ascii: "@"):
            true
        default: false
        }
    }
}
