// Rollcall · JSONText

import Basics

/// The open objects and arrays at one place of a JSON text, with the names of each object's members.
///
/// One array holds a mark for each container, followed by the names of an object. It takes 8 bytes for each level and
/// each name; the search for a repeated name takes at most 16 bytes a name.
struct JSONNames {
    /// A name: its first byte, its end and whether it has escapes; or a mark: the `base` before it and its kind.
    private struct Slot {
        let first: UInt32
        let second: UInt32

        var range: Range<Int> { Int(first)..<Int(second & ~JSONNames.flag) }
        var isFlagged: Bool { second & JSONNames.flag != 0 }
    }

    /// The bit that flags a slot; a text has fewer bytes than this number, so that offsets leave the bit free.
    static let flag: UInt32 = 1 << 31

    private var slots: [Slot] = []
    /// The index after the innermost mark.
    private var base = 0
    private(set) var depth = 0
    /// A hash table of indices of `slots`, kept for the next object that needs one.
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

    /// Closes the innermost container; returns the offset of a repeated name in it, if there is one.
    mutating func close(in bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        let repeated = slots.count - base > 1 ? repeatedName(in: bytes) : nil
        let mark = base - 1
        base = Int(slots[mark].first)
        slots.removeLast(slots.count - mark)
        depth -= 1
        return repeated
    }

    private mutating func repeatedName(in bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        // At most 8 plain names are compared in pairs; escaped ones would be decoded again for each comparison.
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
            // `Hasher` has a seed for each process, so that a client cannot choose names that collide.
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
