// Rollcall · RandomInput

extension SplitMix {
    /// Returns the bytes with one to three random changes.
    ///
    /// - Parameter alphabet: the bytes with a meaning to the parser, inserted more often than others.
    package mutating func damaged(_ bytes: [UInt8], alphabet: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0...below(3) { damageOnce(&bytes, alphabet) }
        return bytes
    }

    private mutating func damageOnce(_ bytes: inout [UInt8], _ alphabet: [UInt8]) {
        let position = below(bytes.count + 1)
        switch below(10) {
        case 0 where position < bytes.count: bytes[position] = UInt8(truncatingIfNeeded: next())
        case 1 where position < bytes.count: bytes[position] ^= 1 << UInt8(below(8))
        case 2...3 where position < bytes.count: bytes[position] = pick(alphabet)
        case 4 where position < bytes.count: bytes.remove(at: position)
        case 5: bytes.removeSubrange(position...)
        case 6:
            let piece = bytes[position..<min(bytes.count, position + below(20))]
            bytes.insert(contentsOf: piece, at: below(bytes.count + 1))
        case 7 where chance(20):
            bytes.insert(contentsOf: repeatElement(pick(alphabet), count: 1 << below(9)), at: position)
        case 8 where chance(20): bytes = (0..<below(64)).map { _ in pick(alphabet) }
        default: bytes.insert(pick(alphabet), at: position)
        }
    }

    /// Cuts the bytes into one to five pieces, some of them empty.
    package mutating func cut(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        let places = [0] + (0..<below(5)).map { _ in below(bytes.count + 1) }.sorted() + [bytes.count]
        return zip(places, places.dropFirst()).map { bytes[$0..<$1] }
    }
}
