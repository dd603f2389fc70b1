// Rollcall · Enrichment

import Presence

/// A dictionary by slot that also finds all slots of a key.
struct SlotTable<Value: Sendable>: Sendable {
    private var values: [FetchSlot: Value] = [:]
    /// The topics of each key, of slots that have one.
    private var topics: [Key: Set<Topic>] = [:]

    var count: Int { values.count }
    var isEmpty: Bool { values.isEmpty }

    subscript(slot: FetchSlot) -> Value? {
        get { values[slot] }
        set {
            values[slot] = newValue
            guard let topic = slot.topic else { return }
            if newValue != nil {
                topics[slot.key, default: []].insert(topic)
            } else if topics[slot.key]?.remove(topic) != nil, topics[slot.key]?.isEmpty == true {
                topics[slot.key] = nil
            }
        }
    }

    func slots(of key: Key) -> [FetchSlot] {
        let plain = FetchSlot(key: key, topic: nil)
        let others = (topics[key] ?? []).map { FetchSlot(key: key, topic: $0) }
        return values[plain] == nil ? others : others + [plain]
    }
}
