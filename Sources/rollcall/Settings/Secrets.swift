// Rollcall · rollcall

/// Finds passwords in texts that people give to the program.
enum Secrets {
    /// Whether a URL, or libpq's key=value pairs, hold a password.
    ///
    /// A text that has one in an unusual place is better refused than shown, so every `:` before an `@` counts.
    static func hasPassword(_ text: String) -> Bool {
        if text.contains(/(?i)(^|[\s?&;])(ssl)?pass(word)?\s*=/) { return true }
        guard let start = text.firstRange(of: "://")?.upperBound, let end = text.lastIndex(of: "@"), start <= end else {
            return false
        }
        guard let colon = text[start..<end].firstIndex(of: ":") else { return false }
        return text.index(after: colon) < end
    }

    /// The text with `***` in the place of each password that stands in a URL.
    static func hidden(in text: String) -> String {
        text.replacing(/:\/\/[^\s\/@:]*:[^\s"]*@/, with: "://***@")
            .replacing(/(?i)((?:ssl)?pass(?:word)?\s*=\s*)('[^']*'|[^\s&;"]+)/) { "\($0.output.1)***" }
    }
}
