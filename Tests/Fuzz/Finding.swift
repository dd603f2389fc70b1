// Rollcall · fuzz

/// A promise that a parser broke.
struct Finding: Error, CustomStringConvertible {
    let what: String
    let input: [UInt8]
    var repetition = ""

    var description: String {
        let shown = input.prefix(2_000).map { byte in
            (0x20...0x7E).contains(byte) && byte != UInt8(ascii: "\\")
                ? String(UnicodeScalar(byte)) : "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        return "\(what)\nThe input, \(input.count) bytes: \(shown.joined())\n\(repetition)"
    }
}
