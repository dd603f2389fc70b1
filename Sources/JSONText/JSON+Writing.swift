// Rollcall · JSONText

import Basics

extension [UInt8] {
    /// Appends `text` as a JSON string: quoted, with `"`, `\`, control characters, U+2028 and U+2029 escaped.
    package mutating func append(jsonString text: String) {
        text.utf8.withBytes { append(jsonString: $0) }
    }

    /// Appends UTF-8 text as a JSON string.
    package mutating func append(jsonString text: UnsafeBufferPointer<UInt8>) {
        append(UInt8(ascii: "\""))
        append(escaped: text)
        append(UInt8(ascii: "\""))
    }

    private mutating func append(escaped bytes: UnsafeBufferPointer<UInt8>) {
        var start = 0
        for position in bytes.indices {
            let byte = bytes[position]
            guard byte < 0x20 || byte >= 0x7F || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else {
                continue
            }
            if byte >= 0x80 {
                guard let (scalar, length) = SafeJSON.scalarToEscape(at: position, in: bytes) else { continue }
                append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start..<position]))
                append(escapeOf: scalar)
                start = position + length
                continue
            }
            append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start..<position]))
            start = position + 1
            switch byte {
            case UInt8(ascii: "\""): append(literal: #"\""#)
            case UInt8(ascii: "\\"): append(literal: #"\\"#)
            case UInt8(ascii: "\n"): append(literal: #"\n"#)
            case UInt8(ascii: "\r"): append(literal: #"\r"#)
            case UInt8(ascii: "\t"): append(literal: #"\t"#)
            default: append(escapeOf: UInt64(byte))
            }
        }
        append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start...]))
    }
}

/// Writes the opening of a list before its first element, and a comma before each other one.
package struct Separator {
    private let open: StaticString
    private var isFirst = true

    package init(open: StaticString) {
        self.open = open
    }

    package mutating func write(to output: inout [UInt8]) {
        if isFirst { output.append(literal: open) } else { output.append(UInt8(ascii: ",")) }
        isFirst = false
    }

    package mutating func close(_ close: StaticString, to output: inout [UInt8]) {
        if isFirst { output.append(literal: open) }
        output.append(literal: close)
    }
}
