// Rollcall · Presence

/// The objects and arrays that are open at a place in a JSON text, with the names of each object's members.
///
/// One array holds all of it: a mark for each container and, behind the mark, the names of an object.
/// It takes 8 bytes a level and 8 bytes a name, and the search for a repeated name 16 bytes a name at most.
struct JSONNames {
    /// A name, by where its bytes begin and end; or a mark, by the place of the mark before it and the kind.
    private struct Slot {
        let first: UInt32
        let second: UInt32

        var range: Range<Int> { Int(first)..<Int(second & ~JSONNames.flag) }
        var isFlagged: Bool { second & JSONNames.flag != 0 }
    }

    /// Texts have fewer bytes than this.
    static let flag: UInt32 = 1 << 31

    private var slots: [Slot] = []
    /// The place behind the innermost mark.
    private var base = 0
    private(set) var depth = 0
    /// Slots of a hash table, kept for the next object that needs one.
    private var table: [UInt32] = []

    init() { slots.reserveCapacity(16) }

    /// Whether the innermost container is an object.
    var isInObject: Bool { slots[base - 1].isFlagged }

    mutating func open(isObject: Bool) {
        slots.append(Slot(first: UInt32(base), second: isObject ? Self.flag : 0))
        base = slots.count
        depth += 1
    }

    mutating func add(_ name: Range<Int>, hasEscapes: Bool) {
        slots.append(
            Slot(first: UInt32(name.lowerBound), second: UInt32(name.upperBound) | (hasEscapes ? Self.flag : 0)))
    }

    /// Closes the innermost container; returns where a name begins that stands a second time in it.
    mutating func close(in bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        let repeated = slots.count - base > 1 ? repeatedName(in: bytes) : nil
        let mark = base - 1
        base = Int(slots[mark].first)
        slots.removeLast(slots.count - mark)
        depth -= 1
        return repeated
    }

    private mutating func repeatedName(in bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        // A few plain names are compared each with each; escaped ones would be decoded again for each comparison.
        guard slots.count - base <= 8, !slots[base...].contains(where: \.isFlagged) else {
            return repeatedNameByHash(in: bytes)
        }
        for index in base..<slots.count {
            for earlier in base..<index where isEqual(index, earlier, in: bytes) {
                return slots[index].range.lowerBound
            }
        }
        return nil
    }

    private mutating func repeatedNameByHash(in bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        var size = 32
        while size < 2 * (slots.count - base) { size *= 2 }
        if table.count < size {
            table = Array(repeating: 0, count: size)
        } else {
            for index in 0..<size { table[index] = 0 }
        }
        for index in base..<slots.count {
            // Seeded for each process, so that a client cannot choose names that collide.
            var hasher = Hasher()
            withDecoded(index, in: bytes) { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
            var place = hasher.finalize() & (size - 1)
            while table[place] != 0 {
                if isEqual(index, Int(table[place]), in: bytes) { return slots[index].range.lowerBound }
                place = (place + 1) & (size - 1)
            }
            table[place] = UInt32(index)
        }
        return nil
    }

    private func isEqual(_ left: Int, _ right: Int, in bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        if slots[left].isFlagged || slots[right].isFlagged {
            return withDecoded(left, in: bytes) { left in
                withDecoded(right, in: bytes) { right in equalBytes(left, right) }
            }
        }
        return equalBytes(
            UnsafeBufferPointer(rebasing: bytes[slots[left].range]),
            UnsafeBufferPointer(rebasing: bytes[slots[right].range]))
    }

    private func withDecoded<Result>(
        _ index: Int, in bytes: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Result
    ) -> Result {
        let raw = UnsafeBufferPointer(rebasing: bytes[slots[index].range])
        return slots[index].isFlagged ? JSON.Text.unescape(raw).withUnsafeBufferPointer(body) : body(raw)
    }
}
