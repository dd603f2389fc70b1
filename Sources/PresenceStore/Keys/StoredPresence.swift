// Rollcall · PresenceStore

import Basics
package import PresenceModel

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

    /// Reads a stored value without parsing its JSON; nil when Rollcall did not write it.
    package init?(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let words = StoredWords(bytes) else { return nil }
        let meta = Meta(stored: Array(words.meta))
        presence = Presence(ref: words.ref, previous: words.previous, meta: meta)
        ttl = words.ttl
        owner = words.owner.flatMap { Ownership(utf8: $0) } ?? .heartbeats
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
