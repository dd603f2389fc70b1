// Rollcall · PhoenixSocket

/// The codes with which a node closes a socket (RFC 6455 §7.4.1).
///
/// 1000 is not among them, because phoenix.js does not reconnect after it.
package enum CloseCode: UInt16, Sendable, CaseIterable {
    /// The client was silent for too long.
    case goingAway = 1001
    /// The client broke RFC 6455.
    case protocolError = 1002
    /// The client sent a binary message on a socket of version 1.
    case unsupportedData = 1003
    /// The client sent a message that cannot be read.
    case invalidData = 1007
    /// The credential has ended or was revoked, or the client sends too many messages.
    case policyViolation = 1008
    /// The client sent a message over the bound.
    case messageTooBig = 1009
    /// The node failed.
    case internalError = 1011
    /// The node shuts down; the client reconnects to another node.
    case serviceRestart = 1012
    /// The client fell behind too far.
    case tryAgainLater = 1013
}
