// Rollcall · Presence

/// Writes the opening before the first of a list, and commas before the others.
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
