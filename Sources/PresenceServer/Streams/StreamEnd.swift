// Rollcall · PresenceServer

/// Why a stream ended: the label `reason` of a metric, a field of the log, and `reason` of the event `end`.
///
/// docs/troubleshooting.md has a row for each; a test compares.
package enum StreamEnd: String, Sendable, CaseIterable {
    /// The client closed the connection, or its direction of it.
    case clientGone = "client_gone"
    /// The client was a stuck reader: it took no bytes for ``StreamOptions/stuckReaderAge``.
    case unread
    /// The budget for slow readers was full and this client had finished no frame in time, or it was at twice the
    /// bound.
    case slow
    /// The node shuts down; the client reconnects to another node.
    case draining
    /// The node follows as many topics as it may, and sent `event: error` before.
    case nodeFull = "node_full"
    /// The token or API key has ended or was retired; the client was sent `event: error` before.
    case tokenExpired = "token_expired"
    /// The credential of the stream was revoked; the client was sent `event: error` before.
    case revoked
    /// The user, or the presence of the stream, was removed from a topic; the client was sent `event: error` before.
    case removed
    /// A later opening has the ticket of the stream.
    case replaced
    /// The node failed for good on this stream, and sent `event: error` before.
    case failed

    /// Whether the same request may succeed, on this node or another one.
    var permitsReconnect: Bool {
        switch self {
        case .clientGone, .unread, .slow, .draining, .nodeFull: true
        case .failed, .tokenExpired, .revoked, .removed, .replaced: false
        }
    }
}
