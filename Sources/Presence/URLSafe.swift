// Rollcall · Presence

/// The 64 characters of base64url, in which refs and sessions are written.
enum URLSafe {
    static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    static func contains(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// Draws eight characters, 48 random bits; the first is in the most significant byte.
    static func randomWord(using generator: inout some RandomNumberGenerator) -> UInt64 {
        let bits = generator.next()
        return (0..<8).reduce(0) { word, character in
            word << 8 | UInt64(alphabet[Int(truncatingIfNeeded: bits >> UInt64(6 * character)) & 63])
        }
    }
}
