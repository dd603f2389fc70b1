// Rollcall · PresenceServer

package import PresenceModel

/// The sessions of the keys that a batch untracks as a whole, from one reading of the topic and from the batch itself.
///
/// A session that another client tracks after that reading is not removed, as if its track had come after the batch.
package struct BatchSessions: Sendable {
    /// The keys that operations of the batch untrack without naming a session.
    package let keys: Set<Key>
    /// Whether one reading of the topic serves several of those operations.
    package let isShared: Bool
    package private(set) var isRead = false
    /// Bounded by the sessions of ``keys``.
    private var members: [Key: Set<Member>] = [:]

    package init(_ operations: [BatchOperation]) {
        let whole = operations.filter(\.isOfWholeKey)
        keys = Set(whole.map(\.member.key))
        isShared = whole.count > 1
    }

    /// Adds the sessions that Redis has.
    package mutating func read(_ sessions: [Key: Set<Member>]) {
        isRead = true
        members.merge(sessions) { $0.union($1) }
    }

    /// Adds the members that operations of the batch are about to track.
    package mutating func add(_ operations: [BatchOperation]) {
        guard isShared else { return }
        for operation in operations where keys.contains(operation.member.key) {
            members[operation.member.key, default: []].insert(operation.member)
        }
    }

    /// The sessions of some keys, which are about to be removed; they stay here, because the removal may fail.
    package func members(of keys: Set<Key>) -> [Member] { keys.flatMap { members[$0] ?? [] } }
}
