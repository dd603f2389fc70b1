// Rollcall · PhoenixSocket

/// Why a socket ended.
package enum SocketEnd: Hashable, Sendable {
    /// The client sent a close frame.
    case closedByClient
    /// The connection was lost, without a close frame.
    case connectionLost
    /// The client took no bytes for too long.
    case unread
    /// The client sent nothing for too long, not even a pong.
    case silent
    /// The client fell behind, and the node has no room for its frames.
    case slow
    /// The client lost diffs and cannot take another state.
    case unrepaired
    /// The client sends more messages than it may.
    case flooding
    /// The client sent bytes that cannot be read.
    case faulty(SocketError)
    case draining
    case tokenExpired
    case revoked
    /// The node failed for good on this socket.
    case failed

    /// The code of the close frame; nil if none is sent.
    package var code: CloseCode? {
        switch self {
        case .closedByClient, .connectionLost, .unread: nil
        case .silent: .goingAway
        case .slow, .unrepaired: .tryAgainLater
        case .flooding, .tokenExpired, .revoked: .policyViolation
        case .faulty(let error): error.code
        case .draining: .serviceRestart
        case .failed: .internalError
        }
    }

    /// The reason in the close frame: a short text for a person.
    package var reason: String {
        switch self {
        case .closedByClient, .connectionLost, .unread: ""
        case .silent: "silent for too long"
        case .slow: "too slow"
        case .unrepaired: "changes were dropped"
        case .flooding: "too many messages"
        case .faulty(let error): error.detail
        case .draining: "the node is stopping"
        case .tokenExpired: "the credential has ended"
        case .revoked: "the credential was revoked"
        case .failed: "the server failed"
        }
    }

    var ofChannels: ChannelEnd {
        switch self {
        case .closedByClient: .left
        case .revoked: .removed
        case .connectionLost, .unread, .silent, .slow, .unrepaired, .flooding, .faulty, .draining, .tokenExpired,
            .failed:
            .lost
        }
    }
}

/// The answer to a join, for the metric that counts them.
package enum JoinOutcome: String, Sendable, CaseIterable {
    case ok
    /// The caller may not join, or Redis is away.
    case refused
    /// The topic or the payload is not valid.
    case invalid
    /// The socket has as many channels as it may have.
    case tooMany = "too_many"
}
