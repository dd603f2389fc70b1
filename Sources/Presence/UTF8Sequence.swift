// Rollcall · Presence

/// The well-formed sequences of bytes beyond ASCII, Table 3-7 of the Unicode Standard.
enum UTF8Sequence {
    /// Returns how many bytes the character at `position` takes, 2 to 4; `nil` if it is ill-formed or cut short.
    static func length(at position: Int, in bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        let (count, second): (Int, ClosedRange<UInt8>) =
            switch bytes[position] {
            case 0xC2...0xDF: (2, 0x80...0xBF)
            case 0xE0: (3, 0xA0...0xBF)
            case 0xE1...0xEC, 0xEE...0xEF: (3, 0x80...0xBF)
            case 0xED: (3, 0x80...0x9F)
            case 0xF0: (4, 0x90...0xBF)
            case 0xF1...0xF3: (4, 0x80...0xBF)
            case 0xF4: (4, 0x80...0x8F)
            default: (0, 0...0)
            }
        guard count > 0, position + count <= bytes.count, second.contains(bytes[position + 1]) else { return nil }
        for offset in 2..<max(count, 2) where bytes[position + offset] & 0xC0 != 0x80 { return nil }
        return count
    }
}
