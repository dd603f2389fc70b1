// Rollcall · PresenceFeed

package import NIOCore
package import PresenceModel
package import PresenceText
import Synchronization

/// One stream's place in the audience of one topic.
///
/// It ends exactly once, by `end()`.
///
/// A subscription holds no queue. `deliver` is called on the subscriber's own event loop, in order, and must itself
/// bound the events that it cannot write at once.
package final class Subscription: Sendable {
    package let topic: Topic
    package let format: FrameFormat
    package let loop: any EventLoop
    /// The cursor of a stream that resumes; `.empty` never resumes.
    let since: Cursor?
    /// The position that the first state must have reached: the subscriber's own track.
    let reaching: Cursor?
    /// The presence that the subscriber stands for.
    let member: Member?
    let deliver: @Sendable (FeedEvent) -> Void
    private let onEnd: Mutex<(@Sendable (Subscription) -> Void)?>
    private let onStateRequest: @Sendable (Subscription) -> Void

    package init(
        topic: Topic, format: FrameFormat, loop: any EventLoop, since: Cursor?, reaching: Cursor?, member: Member?,
        deliver: @escaping @Sendable (FeedEvent) -> Void,
        onStateRequest: @escaping @Sendable (Subscription) -> Void, onEnd: @escaping @Sendable (Subscription) -> Void
    ) {
        self.topic = topic
        self.format = format
        self.loop = loop
        self.since = since
        self.reaching = reaching
        self.member = member
        self.deliver = deliver
        self.onStateRequest = onStateRequest
        self.onEnd = Mutex(onEnd)
    }

    var isEnded: Bool { onEnd.withLock { $0 == nil } }

    /// Asks for a fresh `state`: the subscriber lost its queue.
    ///
    /// The subscriber drops all events that are delivered before it.
    package func requestState() { onStateRequest(self) }

    /// Leaves the audience; calls after the first do nothing.
    ///
    /// An event already on its way may still be delivered.
    package func end() {
        let action = onEnd.withLock { action in
            defer { action = nil }
            return action
        }
        action?(self)
    }
}
