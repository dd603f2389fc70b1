// Rollcall · Presence

extension Sequence<UInt8> {
    /// Gives the bytes as one buffer, copying them only if they do not lie together already.
    ///
    /// What other modules read often has an initialiser of its own for a buffer: one that takes any sequence is not
    /// specialised for theirs, and a look-up of metadata at run time costs a multiple of the reading.
    func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        if let result = withContiguousStorageIfAvailable(body) { return result }
        return Array(self).withUnsafeBufferPointer(body)
    }
}

/// Says whether two buffers hold the same bytes; eight at a time.
func equalBytes(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Bool {
    left.count == right.count && firstDifference(left, right) == left.count
}

/// Says whether `left` stands before `right` in byte order, as `memcmp` would; a prefix stands before what it begins.
func precedes(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Bool {
    let position = firstDifference(left, right)
    if position == right.count { return false }
    return position == left.count || left[position] < right[position]
}

/// Says how many bytes two buffers have in common at their beginning.
func firstDifference(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Int {
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

/// Reads a decimal number as we write it: digits only, no sign, no leading zero.
///
/// Returns `nil` for anything else, and for what no `Int` holds.
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

/// Gives the lowest `count` hexadecimal digits of a value, the most significant first.
func hexDigits(of value: UInt64, count: Int, uppercase: Bool = false) -> [UInt8] {
    let letters = UInt8(ascii: uppercase ? "A" : "a") - 10
    return (1...count).map { digit in
        let nibble = UInt8(truncatingIfNeeded: value >> UInt64(4 * (count - digit))) & 0xF
        return nibble + (nibble < 10 ? UInt8(ascii: "0") : letters)
    }
}
