// Rollcall · Enrichment

import Presence

/// One value that a rule fetches: that of a key, and with a rule that asks for the topic, that of a key on a topic.
struct FetchSlot: Hashable, Sendable {
    let key: Key
    /// Nil with a rule that does not ask for the topic.
    let topic: Topic?
}
