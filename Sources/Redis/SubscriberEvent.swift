// Rollcall · Redis

package import NIOCore

/// An event of a subscriber's connection.
package enum SubscriberEvent: Sendable, Hashable {
    case connected
    /// Messages are lost from here on until a channel is `subscribed` again.
    case disconnected
    /// Redis acknowledged the channel: every message published from now on arrives.
    ///
    /// Sent again after each reconnect, and after an `unsubscribe` and a new `subscribe`.
    case subscribed(channel: ByteBuffer)
}
