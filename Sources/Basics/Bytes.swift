// Rollcall · Basics

extension Sequence<UInt8> {
    /// Calls `body` with the bytes in one buffer; copies them only if they are not contiguous.
    ///
    /// Types that other modules read often also have an initialiser for a buffer: a generic one is not specialised
    /// across modules, and its look-up of metadata at run time costs several times the read itself.
    @inlinable
    package func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        if let result = withContiguousStorageIfAvailable(body) { return result }
        return Array(self).withUnsafeBufferPointer(body)
    }
}

/// Returns whether two buffers hold the same bytes; compares eight at a time.
package func equalBytes(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Bool {
    left.count == right.count && firstDifference(left, right) == left.count
}

/// Returns whether `left` sorts before `right` in byte order, as `memcmp` does; a prefix sorts before the longer
/// buffer.
package func precedes(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Bool {
    let position = firstDifference(left, right)
    if position == right.count { return false }
    return position == left.count || left[position] < right[position]
}

/// Returns how many bytes at the start of both buffers are the same.
package func firstDifference(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Int {
    let count = min(left.count, right.count)
    let (leftRaw, rightRaw) = (UnsafeRawBufferPointer(left), UnsafeRawBufferPointer(right))
    var position = 0
    while position + 8 <= count {
        let leftWord = leftRaw.loadUnaligned(fromByteOffset: position, as: UInt64.self)
        let rightWord = rightRaw.loadUnaligned(fromByteOffset: position, as: UInt64.self)
        if leftWord != rightWord { break }
        position += 8
    }
    while position < count, left[position] == right[position] { position += 1 }
    return position
}

/// Reads a decimal number as Rollcall writes it: digits only, no sign, no leading zero.
///
/// Returns `nil` for any other text, and for a number above `Int.max`.
package func decimal(_ digits: UnsafeBufferPointer<UInt8>) -> Int? {
    guard let first = digits.first, first != UInt8(ascii: "0") || digits.count == 1 else { return nil }
    var value = 0
    for byte in digits {
        guard case UInt8(ascii: "0")...UInt8(ascii: "9") = byte else { return nil }
        let (tens, tensOverflow) = value.multipliedReportingOverflow(by: 10)
        let (sum, sumOverflow) = tens.addingReportingOverflow(Int(byte - UInt8(ascii: "0")))
        if tensOverflow || sumOverflow { return nil }
        value = sum
    }
    return value
}

package func decimal(_ digits: some Sequence<UInt8>) -> Int? {
    digits.withBytes { decimal($0) }
}

/// Returns the lowest `count` hexadecimal digits of a value, the most significant first.
package func hexDigits(of value: UInt64, count: Int, uppercase: Bool = false) -> [UInt8] {
    let letters = UInt8(ascii: uppercase ? "A" : "a") - 10
    return (1...count).map { digit in
        let nibble = UInt8(truncatingIfNeeded: value >> UInt64(4 * (count - digit))) & 0xF
        return nibble + (nibble < 10 ? UInt8(ascii: "0") : letters)
    }
}

/// The well-formed sequences of bytes beyond ASCII, Table 3-7 of the Unicode Standard.
package enum UTF8Sequence {
    /// Returns how many bytes the character at `position` takes, 2 to 4; `nil` if it is ill-formed or cut short.
    package static func length(at position: Int, in bytes: UnsafeBufferPointer<UInt8>) -> Int? {
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

extension [UInt8] {
    /// Appends text that is known at compile time.
    package mutating func append(literal text: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends a number in decimal digits.
    package mutating func append(decimal value: Int) {
        append(contentsOf: String(value).utf8)
    }
}
