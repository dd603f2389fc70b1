// Rollcall · rollcall

import Foundation

/// Standard output and standard error, written without buffering.
enum Terminal {
    static let outputIsTerminal = isatty(STDOUT_FILENO) == 1

    /// Columns and rows of the terminal that standard output goes to; nil when it goes elsewhere.
    static var size: (columns: Int, rows: Int)? {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return nil }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    @Sendable static func writeOutput(_ text: String) { write(text, to: STDOUT_FILENO) }
    @Sendable static func writeError(_ text: String) { write(text, to: STDERR_FILENO) }

    /// Replaces characters that a terminal would obey or hide (control, direction and other format characters), so that
    /// names and metas of strangers can be shown.
    static func harmless(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { isHarmful($0) ? "\u{fffd}" : $0 }))
    }

    /// The first 80 characters of a text, made harmless, for an error that shows a value.
    static func quoted(_ text: String) -> String {
        let limit = 80
        return harmless(String(text.prefix(limit))) + (text.dropFirst(limit).isEmpty ? "" : "…")
    }

    /// Escapes characters that a terminal would obey or hide as `\u…`; the JSON keeps its meaning.
    ///
    /// In JSON such characters are in strings only.
    static func escapedJSON(_ json: String) -> String {
        guard json.unicodeScalars.contains(where: isHarmful) else { return json }
        return json.unicodeScalars.reduce(into: "") { text, scalar in
            guard isHarmful(scalar) else { return text.unicodeScalars.append(scalar) }
            for unit in String(scalar).utf16 {
                let digits = String(unit, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
    }

    /// Whether a terminal would obey or hide a character.
    static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: true
        default: false
        }
    }

    private static func write(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while let start = rest.baseAddress, !rest.isEmpty {
                let count = unistd_write(descriptor, start, rest.count)
                if count < 0 {
                    if errno == EINTR { continue }
                    // The reader of the pipe, such as `head`, has gone: exit as SIGPIPE would, which is ignored.
                    if errno == EPIPE && descriptor == STDOUT_FILENO { exit(141) }
                    guard descriptor == STDOUT_FILENO else { return }
                    writeError("rollcall: standard output cannot be written: \(String(cString: strerror(errno)))\n")
                    exit(1)
                }
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
            }
        }
    }
}

#if canImport(Glibc)
    import Glibc
    private let unistd_write = Glibc.write
#elseif canImport(Darwin)
    import Darwin
    private let unistd_write = Darwin.write
#endif
