// Rollcall · Presence

extension PresenceError.Location {
    /// Returns the place of the member `name` of the object that stands here.
    package func member(_ name: String) -> Self {
        member(utf8: name.utf8)
    }

    /// Returns the place of an element of the array that stands here.
    package func element(_ index: Int) -> Self {
        appending(String(index))
    }

    /// Bytes of a name that a pointer shows: more would make a large answer of a small request.
    private static let longestName = 256

    private func member(utf8 name: String.UTF8View) -> Self {
        var token: [UInt8] = []
        for byte in name.prefix(Self.longestName) {
            switch byte {
            // RFC 6901 §3.
            case UInt8(ascii: "~"): token.append(literal: "~0")
            case UInt8(ascii: "/"): token.append(literal: "~1")
            // RFC 6901 §6: what RFC 3986 does not allow in a fragment is percent-encoded.
            case _ where Self.standsInFragment(byte): token.append(byte)
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

    private static func standsInFragment(_ byte: UInt8) -> Bool {
        if URLSafe.contains(byte) { return true }
        return switch byte {
        case UInt8(ascii: "!"), UInt8(ascii: "$"), UInt8(ascii: "&")...UInt8(ascii: ","), UInt8(ascii: "."),
            UInt8(ascii: ":"), UInt8(ascii: ";"), UInt8(ascii: "="), UInt8(ascii: "?"), UInt8(ascii: "@"):
            true
        default: false
        }
    }
}
