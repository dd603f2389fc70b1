// Rollcall · Enrichment

import PresenceModel

/// Names one value that a rule fetches and caches: a key, and the topic if the rule's query takes one.
struct CacheKey: Hashable, Sendable {
    let key: Key
    /// Nil if the rule's query does not take the topic.
    let topic: Topic?
}

/// A dictionary by cache key that also finds all cache keys of a key.
struct CacheKeyTable<Value: Sendable>: Sendable {
    private var values: [CacheKey: Value] = [:]
    /// The topics of each key, for cache keys with a topic.
    private var topics: [Key: Set<Topic>] = [:]

    var count: Int { values.count }

    subscript(cacheKey: CacheKey) -> Value? {
        get { values[cacheKey] }
        set {
            values[cacheKey] = newValue
            guard let topic = cacheKey.topic else { return }
            if newValue != nil {
                topics[cacheKey.key, default: []].insert(topic)
            } else if topics[cacheKey.key]?.remove(topic) != nil, topics[cacheKey.key]?.isEmpty == true {
                topics[cacheKey.key] = nil
            }
        }
    }

    func cacheKeys(of key: Key) -> [CacheKey] {
        let plain = CacheKey(key: key, topic: nil)
        let others = (topics[key] ?? []).map { CacheKey(key: key, topic: $0) }
        return values[plain] == nil ? others : others + [plain]
    }
}
