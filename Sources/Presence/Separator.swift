// Rollcall · Presence

/// Writes the opening of a list before its first element, and a comma before each other one.
struct Separator {
    private let open: StaticString
    private var isFirst = true

    init(open: StaticString) {
        self.open = open
    }

    mutating func write(to output: inout [UInt8]) {
        if isFirst { output.append(literal: open) } else { output.append(UInt8(ascii: ",")) }
        isFirst = false
    }

    mutating func close(_ close: StaticString, to output: inout [UInt8]) {
        if isFirst { output.append(literal: open) }
        output.append(literal: close)
    }
}
