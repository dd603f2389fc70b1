// Rollcall · PresenceServer

package import NIOCore

/// The time-outs of a connection.
package struct ConnectionTimes: Sendable {
    /// How long a connection may stay without a request.
    ///
    /// It is longer than the 60 s after which load balancers close an idle connection, so that they always close first.
    package var idleTimeout = TimeAmount.seconds(75)
    /// The time that a TLS handshake may take, from the accepted connection on; no setting, tests shorten it.
    package var handshakeTimeout = TimeAmount.seconds(10)
    /// The time that the head of a request may take, from its first byte to its last.
    package var headTimeout = TimeAmount.seconds(30)
    /// The time that the body of a request may take, from the end of the head.
    package var bodyTimeout = TimeAmount.seconds(30)
    /// How long the client may take no bytes of a response.
    package var stuckReaderAge = TimeAmount.seconds(30)
    /// How long a client that still sends after the last response may pause between two bytes.
    ///
    /// Closing at once would reset the connection, and the client would lose the response (RFC 9112 §9.6).
    package var linger = TimeAmount.seconds(2)
    /// The time from the last response to the close, even if the client still sends.
    package var longestLinger = TimeAmount.seconds(30)

    package init() {}

    /// The times of a connection beyond a limit: five seconds for a handshake and a probe.
    var shortened: ConnectionTimes {
        var times = self
        times.idleTimeout = min(idleTimeout, .seconds(5))
        times.handshakeTimeout = min(handshakeTimeout, .seconds(5))
        times.headTimeout = min(headTimeout, .seconds(5))
        times.bodyTimeout = min(bodyTimeout, .seconds(5))
        return times
    }
}
