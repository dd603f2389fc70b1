// Rollcall · PresenceStore

package import Presence

/// A presence as Redis keeps it: `ref[,prev] SP ttl[,owner] SP json`.
package struct StoredPresence: Hashable, Sendable {
    package var presence: Presence
    /// Whole seconds.
    package var ttl: Int
    package var owner: Ownership

    package init(presence: Presence, ttl: Int, owner: Ownership = .heartbeats) {
        self.presence = presence
        self.ttl = ttl
        self.owner = owner
    }

    /// Reads a stored value, its json unparsed; nil for what Rollcall did not write.
    package init?(_ value: some Collection<UInt8>) {
        let parsed = value.withContiguousStorageIfAvailable { StoredPresence(bytes: $0) }
        guard let stored = parsed ?? Array(value).withUnsafeBufferPointer({ StoredPresence(bytes: $0) }) else {
            return nil
        }
        self = stored
    }

    private init?(bytes: UnsafeBufferPointer<UInt8>) {
        let (comma, space) = (UInt8(ascii: ","), UInt8(ascii: " "))
        var start = 0
        /// The bytes up to the next comma or space, and whether it was a comma.
        func word() -> (UnsafeBufferPointer<UInt8>, followedByComma: Bool)? {
            guard let end = bytes[start...].firstIndex(where: { $0 == comma || $0 == space }) else { return nil }
            defer { start = end + 1 }
            return (UnsafeBufferPointer(rebasing: bytes[start..<end]), bytes[end] == comma)
        }

        guard let (refText, hasPrevious) = word(), let ref = Ref(utf8: refText) else { return nil }
        var previous: Ref?
        if hasPrevious {
            guard let (text, more) = word(), !more, let ref = Ref(utf8: text) else { return nil }
            previous = ref
        }
        guard let (ttlText, hasOwner) = word(), let ttl = decimal(ttlText) else { return nil }
        var owner = Ownership.heartbeats
        if hasOwner {
            guard let (text, more) = word(), !more, let found = Ownership(utf8: text) else { return nil }
            owner = found
        }
        guard bytes.count >= start + 2, bytes[start] == UInt8(ascii: "{") else { return nil }
        let meta = Meta(stored: Array(bytes[start...]))
        self.init(presence: Presence(ref: ref, previous: previous, meta: meta), ttl: ttl, owner: owner)
    }

    /// The stored value.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(60 + presence.meta.json.count)
        presence.ref.write(to: &bytes)
        if let previous = presence.previous {
            bytes.append(UInt8(ascii: ","))
            previous.write(to: &bytes)
        }
        bytes.append(UInt8(ascii: " "))
        bytes.append(decimal: ttl)
        if let mark = owner.mark {
            bytes.append(UInt8(ascii: ","))
            bytes.append(contentsOf: mark.utf8)
        }
        bytes.append(UInt8(ascii: " "))
        bytes.append(contentsOf: presence.meta.json)
        return bytes
    }
}
