// Rollcall · PresenceModel

/// All entries of one topic.
package struct Roster: Equatable, Sendable {
    private var entries: [Key: Entry] = [:]
    package private(set) var presenceCount = 0

    /// - Parameter capacity: The keys that the roster holds without growing.
    package init(capacity: Int = 0) {
        entries.reserveCapacity(capacity)
    }

    package init(_ presences: some Sequence<(member: Member, presence: Presence)>) {
        for (member, presence) in presences { set(presence, for: member) }
    }

    package var keyCount: Int { entries.count }

    package var isEmpty: Bool { entries.isEmpty }

    package subscript(member: Member) -> Presence? {
        entries[member.key]?[member.session]
    }

    /// The presences of a key; `nil` if it has none.
    package func entry(for key: Key) -> Entry? {
        entries[key]
    }

    /// Sets the presence of a member; returns the old one.
    @discardableResult
    package mutating func set(_ presence: Presence, for member: Member) -> Presence? {
        let old = entries[member.key, default: Entry()].set(presence, for: member.session)
        if old == nil { presenceCount += 1 }
        return old
    }

    /// Removes a member, and the key with its last session; returns the removed presence.
    @discardableResult
    package mutating func remove(_ member: Member) -> Presence? {
        guard let index = entries.index(forKey: member.key),
            let old = entries.values[index].remove(member.session)
        else { return nil }
        if entries.values[index].isEmpty { entries.remove(at: index) }
        presenceCount -= 1
        return old
    }
}

extension Roster {
    /// Visits every key with its presences, in no order.
    package func forEachEntry<Failure: Error>(_ body: (Key, Entry) throws(Failure) -> Void) throws(Failure) {
        for (key, entry) in entries { try body(key, entry) }
    }

    /// Visits every presence, keys in no order.
    package func forEach<Failure: Error>(_ body: (Member, Presence) throws(Failure) -> Void) throws(Failure) {
        for (key, entry) in entries {
            try entry.forEach { (session, presence) throws(Failure) in
                try body(Member(key: key, session: session), presence)
            }
        }
    }

    /// All keys, in no order.
    package var keys: some Collection<Key> & Sendable { entries.keys }

    /// The keys of `candidates` that are present.
    package func keys(among candidates: Set<Key>) -> Set<Key> {
        candidates.count < entries.count
            ? candidates.filter { entries[$0] != nil } : Set(entries.keys.lazy.filter(candidates.contains))
    }

    /// All keys in byte order.
    package var sortedKeys: [Key] { entries.keys.sorted() }

    /// Returns the changes that lead from `old` to this roster; leaves among them have the reason `lost`.
    package func differences(from old: Roster) -> [Change] {
        var changes: [Change] = []
        forEach { member, presence in
            if let change = Change(member: member, before: old[member], after: presence) { changes.append(change) }
        }
        old.forEach { member, presence in
            if self[member] == nil, let change = Change(member: member, before: presence, after: nil) {
                changes.append(change)
            }
        }
        return changes
    }
}
