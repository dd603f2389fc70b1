// Rollcall · PresenceFeed

import NIOCore
import Presence

/// The subscribers of one topic whose connections live on one event loop, so that a diff crosses to them in one hop.
actor LoopAudience {
    nonisolated let loop: any EventLoop
    private var members: [ObjectIdentifier: Subscription] = [:]

    init(loop: any EventLoop) { self.loop = loop }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    /// Runs on the audience's loop, in the order of calls from the feed's.
    nonisolated func perform(_ action: @escaping @Sendable (isolated LoopAudience) -> Void) {
        if loop.inEventLoop {
            assumeIsolated(action)
        } else {
            loop.execute { self.assumeIsolated(action) }
        }
    }

    func add(_ subscription: Subscription, _ events: [FeedEvent]) {
        members[ObjectIdentifier(subscription)] = subscription
        for event in events { subscription.deliver(event) }
    }

    /// Tells one subscriber of its presence, if it has been told anything: what came before is not news to it.
    func deliver(own change: OwnChange, to subscription: Subscription) {
        guard members[ObjectIdentifier(subscription)] != nil else { return }
        subscription.deliver(.own(change))
    }

    func remove(_ subscription: Subscription) {
        members[ObjectIdentifier(subscription)] = nil
    }

    /// Gives every subscriber the bytes of its format.
    func deliver(_ frames: [FrameFormat: ByteBuffer], at cursor: Cursor) {
        if frames.count <= 1, let only = frames.first {
            let event = FeedEvent.diff(only.value, cursor)
            let other = FeedEvent.diff(nil, cursor)
            for subscription in members.values {
                subscription.deliver(subscription.format == only.key ? event : other)
            }
        } else {
            for subscription in members.values {
                subscription.deliver(.diff(frames[subscription.format], cursor))
            }
        }
    }

    /// Gives the subscribers of some formats entries whose data changed.
    func deliver(renewals frames: [FrameFormat: ByteBuffer]) {
        for subscription in members.values {
            if let frame = frames[subscription.format] { subscription.deliver(.renewed(frame)) }
        }
    }

    func deliverToAll(_ event: FeedEvent) {
        for subscription in members.values { subscription.deliver(event) }
    }
}
