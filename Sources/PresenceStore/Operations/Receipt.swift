// Rollcall · PresenceStore

package import PresenceModel

/// The state of one presence in Redis after an operation, and the position of its topic.
package struct Receipt: Hashable, Sendable {
    package var ref: Ref
    package var previous: Ref?
    /// Whole seconds.
    package var ttl: Int
    /// Milliseconds on Redis's clock.
    package var expiresAt: Int64
    /// Milliseconds on Redis's clock when the operation ran.
    package var now: Int64
    /// The topic's position after the operation: a list at this cursor or later shows it.
    package var cursor: Cursor

    package init(ref: Ref, previous: Ref?, ttl: Int, expiresAt: Int64, now: Int64, cursor: Cursor) {
        self.ref = ref
        self.previous = previous
        self.ttl = ttl
        self.expiresAt = expiresAt
        self.now = now
        self.cursor = cursor
    }
}
