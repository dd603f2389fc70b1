// Rollcall · Access

import Basics
import Crypto

/// An API key of a backend, as the node knows it: the hash of its text, and its rights.
///
/// Its text is `rk_`, an id of 8 characters of `[a-z0-9]`, `_`, and 43 characters of `[A-Za-z0-9]`.
package struct APIKey: Sendable {
    package let id: String
    /// The SHA-256 of the whole text.
    let digest: [UInt8]
    /// The SHA-256 of its entry in the settings: a changed entry ends the streams of the key.
    let entry: [UInt8]
    package let rights: Rights
    /// The time from which the key is not valid, in seconds since 1970; nil for a key without an end.
    package let expiresAt: Int?

    private static let prefix = Array("rk_".utf8)
    private static let idLength = 8
    private static let secretLength = 43
    private static let idCharacters = Array("abcdefghijklmnopqrstuvwxyz0123456789".utf8)
    private static let secretCharacters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8) + idCharacters

    /// Draws the text of a new key: 256 random bits behind the id.
    package static func draw() -> (id: String, text: String) {
        let id = (0..<idLength).map { _ in idCharacters.randomElement()! }
        let secret = (0..<secretLength).map { _ in secretCharacters.randomElement()! }
        return (
            String(decoding: id, as: UTF8.self),
            String(decoding: prefix + id + [UInt8(ascii: "_")] + secret, as: UTF8.self)
        )
    }

    /// The hash of a key's text in hexadecimal digits, as the settings name it.
    package static func sha256(of text: String) -> String {
        let digest = SHA256.hash(data: Array(text.utf8))
        return String(decoding: digest.flatMap { hexDigits(of: UInt64($0), count: 2) }, as: UTF8.self)
    }

    /// Whether a text begins as keys do; tokens never do.
    static func isKey(_ text: [UInt8]) -> Bool { text.starts(with: prefix) }

    /// The id in the text of a key; nil for a text that is no key.
    static func id(in text: [UInt8]) -> String? {
        let end = prefix.count + idLength
        guard text.count == end + 1 + secretLength, isKey(text), text[end] == UInt8(ascii: "_"),
            text[prefix.count..<end].allSatisfy(idCharacters.contains),
            text[(end + 1)...].allSatisfy(secretCharacters.contains)
        else { return nil }
        return String(decoding: text[prefix.count..<end], as: UTF8.self)
    }

    /// Whether a text may be the id of a key.
    package static func isID(_ text: String) -> Bool {
        text.utf8.count == idLength && text.utf8.allSatisfy(idCharacters.contains)
    }

    /// Whether this is the text of the key; digests compare in constant time.
    func isText(_ text: [UInt8]) -> Bool { SHA256.hash(data: text) == digest }
}
