// Rollcall · PresenceServer

/// Why a stream ended; counted in metrics and named in the log.
///
/// docs/troubleshooting.md (by a test) has what to do about each.
package enum StreamEnd: String, Sendable, CaseIterable {
    /// The client closed the connection, or its side of it.
    case clientGone = "client_gone"
    /// The client did not read at all for too long.
    case unread
    /// The node's budget for slow readers was full, and this client had finished no frame for too long.
    case slow
    /// The node shuts down; the client is to come back, to another node.
    case draining
    /// A fault of ours; the client was told by `event: error`.
    case failed
}
