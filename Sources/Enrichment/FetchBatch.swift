// Rollcall · Enrichment

import Presence

/// Keys that one query asks for.
struct FetchBatch: Hashable, Sendable {
    /// Nil with a rule that does not ask for the topic.
    let topic: Topic?
    /// At most ``FetchBatcher/maximumKeys``, each once.
    let keys: [Key]

    func slot(of key: Key) -> FetchSlot { FetchSlot(key: key, topic: topic) }

    var slots: [FetchSlot] { keys.map(slot) }
}
