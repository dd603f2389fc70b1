// Rollcall · Redis

package import NIOCore

/// What happens to a subscriber's connection.
package enum SubscriberEvent: Sendable, Hashable {
    case connected
    /// Messages are lost from here on until a channel is `subscribed` again.
    case disconnected
    /// Redis acknowledged the channel: every message published from now on arrives.
    ///
    /// Comes again after each reconnect, and after each `unsubscribe` that a `subscribe` followed.
    case subscribed(channel: ByteBuffer)
}
