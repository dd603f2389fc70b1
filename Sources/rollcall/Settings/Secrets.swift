// Rollcall · rollcall

/// Finds passwords in the input of users.
enum Secrets {
    /// Whether a URL, or libpq's key=value pairs, hold a password.
    ///
    /// Every `:` before an `@` counts, because a text that is refused in error is better than a password that is shown.
    static func hasPassword(_ text: String) -> Bool {
        if text.contains(/(?i)(^|[\s?&;])(ssl)?pass(word)?\s*=/) { return true }
        guard let start = text.firstRange(of: "://")?.upperBound, let end = text.lastIndex(of: "@"), start <= end else {
            return false
        }
        guard let colon = text[start..<end].firstIndex(of: ":") else { return false }
        return text.index(after: colon) < end
    }

    /// The text with `***` in the place of each password in a URL or a key=value pair.
    static func hidden(in text: String) -> String {
        text.replacing(/:\/\/[^\s\/@:]*:[^\s"]*@/, with: "://***@")
            .replacing(/(?i)((?:ssl)?pass(?:word)?\s*=\s*)('[^']*'|[^\s&;"]+)/) { "\($0.output.1)***" }
    }
}
