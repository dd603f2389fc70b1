// Rollcall · Access

/// Tokens with verified signatures, by the exact value of `Authorization`.
///
/// It keeps the newest tokens: at the bound the older half goes. Rights take several times the memory of their text.
struct TokenCache: Sendable {
    /// Bytes of the texts of half of the tokens.
    private static let maximumBytes = 2 << 20

    private var newer: [[UInt8]: Token] = [:]
    private var older: [[UInt8]: Token] = [:]
    private var bytes = 0

    subscript(text: [UInt8]) -> Token? {
        mutating get {
            if let token = newer[text] { return token }
            guard let token = older[text] else { return nil }
            insert(token, for: text)
            return token
        }
    }

    mutating func insert(_ token: Token, for text: [UInt8]) {
        if bytes + text.count > Self.maximumBytes {
            (older, newer, bytes) = (newer, [:], 0)
        }
        if newer.updateValue(token, forKey: text) == nil { bytes += text.count }
    }
}
