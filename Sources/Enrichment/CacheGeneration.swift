// Rollcall · Enrichment

import Presence

/// One of the two halves of a cache.
struct CacheGeneration: Sendable {
    /// What a value costs beside its text: its places in tables, with room to spare.
    private static let overhead = 256

    /// Grows by one from each to the next.
    let number: Int
    /// An estimate of the memory held.
    private(set) var bytes = 0
    /// Slots in the order in which they came; one that was moved away is here no more, though its place remains.
    private(set) var order: [FetchSlot] = []
    private var values = SlotTable<FetchedValue>()

    init(number: Int) {
        self.number = number
    }

    /// How many places there are, of values that were moved away too.
    var count: Int { order.count }

    subscript(slot: FetchSlot) -> FetchedValue? { values[slot] }

    func slots(of key: Key) -> [FetchSlot] { values.slots(of: key) }

    mutating func set(_ value: FetchedValue, for slot: FetchSlot) {
        if let previous = values[slot] {
            bytes += (value.json?.count ?? 0) - (previous.json?.count ?? 0)
        } else {
            bytes += Self.cost(of: value, for: slot)
            order.append(slot)
        }
        values[slot] = value
    }

    /// Takes a value out, for the next generation.
    mutating func remove(_ slot: FetchSlot) -> FetchedValue? {
        guard let value = values[slot] else { return nil }
        bytes -= Self.cost(of: value, for: slot)
        values[slot] = nil
        return value
    }

    private static func cost(of value: FetchedValue, for slot: FetchSlot) -> Int {
        overhead + slot.key.text.utf8.count + (slot.topic?.text.utf8.count ?? 0) + (value.json?.count ?? 0)
    }
}
