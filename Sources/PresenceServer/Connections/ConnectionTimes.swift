// Rollcall · PresenceServer

package import NIOCore

/// The time-outs of a connection.
package struct ConnectionTimes: Sendable {
    /// Without a request.
    ///
    /// It is longer than the 60 s after which load balancers close an idle connection, so that they always close first.
    package var idle = TimeAmount.seconds(75)
    /// From the first byte of a request's head to its last.
    package var head = TimeAmount.seconds(30)
    /// From the end of a request's head to the end of its body.
    package var body = TimeAmount.seconds(30)
    /// Without progress while a response is being sent.
    package var stuck = TimeAmount.seconds(30)
    /// Without a byte after the last response, for a client that still sends.
    ///
    /// Closing at once would reset the connection, and the client would lose the response (RFC 9112, 9.6).
    package var linger = TimeAmount.seconds(2)
    /// From the last response to the close, even if the client still sends.
    package var longestLinger = TimeAmount.seconds(30)

    package init() {}
}
