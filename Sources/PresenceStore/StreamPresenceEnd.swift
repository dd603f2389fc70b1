// Rollcall · PresenceStore

/// How a presence is released when a stream that holds it ends.
package struct StreamPresenceEnd: Hashable, Sendable {
    /// Whole seconds that the presence stays when no other stream holds it.
    package var grace: Int
    /// Whether a stream that reconnects without a session may resume this one, because the service drew it.
    package var isResumable: Bool

    package init(grace: Int = 0, isResumable: Bool = false) {
        self.grace = grace
        self.isResumable = isResumable
    }
}
