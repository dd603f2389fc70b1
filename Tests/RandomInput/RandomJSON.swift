// Rollcall · RandomInput

/// Draws compact JSON texts of every kind, escapes and odd numbers included.
package struct RandomJSON {
    package var generator: SplitMix

    private static let numbers = [
        "0", "-0", "1", "1.0", "-1.50", "1e400", "1E-7", "-0.0e+00", "123456789012345678901234567890", "9.99e99",
    ]
    private static let pieces = [
        "a", "key", " ", "ü", "u\u{308}", "日本", "😀", #"\""#, #"\\"#, #"\/"#, #"\b\f\n\r\t"#, #"\u00e9"#, #"\u0000"#,
        #"\uD83D\uDE00"#, "{}[],:", "__proto__", "\u{7F}", "\u{2028}",
    ]

    package init(generator: SplitMix) { self.generator = generator }

    package mutating func value(depth: Int = 4) -> String {
        switch Int.random(in: 0..<(depth > 0 ? 8 : 5), using: &generator) {
        case 0: return "true"
        case 1: return "false"
        case 2: return "null"
        case 3: return Self.numbers.randomElement(using: &generator) ?? "0"
        case 4: return string()
        case 5: return array(depth: depth)
        default: return object(depth: depth)
        }
    }

    package mutating func object(depth: Int = 4, named names: [String]? = nil) -> String {
        let count = Int.random(in: 0...(names?.count ?? 12), using: &generator)
        let members = (0..<count).map { index in
            // The index in each name makes all decoded names differ.
            let name = names.map { "\"\($0[index])\"" } ?? "\"\(index)\(string().dropFirst())"
            return "\(name):\(value(depth: depth - 1))"
        }
        return "{\(members.joined(separator: ","))}"
    }

    package mutating func array(depth: Int) -> String {
        let elements = (0..<Int.random(in: 0...5, using: &generator)).map { _ in value(depth: depth - 1) }
        return "[\(elements.joined(separator: ","))]"
    }

    package mutating func string() -> String {
        let pieces = (0..<Int.random(in: 0...6, using: &generator)).map { _ in
            Self.pieces.randomElement(using: &generator) ?? ""
        }
        return "\"\(pieces.joined())\""
    }

    /// Returns the text with random white space where JSON allows it.
    package mutating func spread(_ compact: String) -> String {
        var spread = ""
        var isInString = false
        var isEscaped = false
        for scalar in compact.unicodeScalars {
            let isPunctuation = !isInString && "{}[],:".unicodeScalars.contains(scalar)
            if isPunctuation { spread += space() }
            spread.unicodeScalars.append(scalar)
            if isPunctuation { spread += space() }
            if scalar == "\"", !isEscaped { isInString.toggle() }
            isEscaped = scalar == "\\" && !isEscaped
        }
        return space() + spread + space()
    }

    private mutating func space() -> String {
        ["", "", " ", "\n", "\r\n\t", "  "].randomElement(using: &generator) ?? ""
    }
}
