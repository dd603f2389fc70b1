// Rollcall · PresenceFeed

package import NIOCore

/// Gets the messages about long polls that other nodes send to this one.
package struct PollInbox: Sendable {
    let channel: String
    let receive: @Sendable (ByteBuffer) -> Void

    /// - Parameters:
    ///   - channel: The channel of this node.
    ///   - receive: Called on the loop of the subscriber connection, in the order of the messages.
    package init(channel: String, receive: @escaping @Sendable (ByteBuffer) -> Void) {
        self.channel = channel
        self.receive = receive
    }
}
