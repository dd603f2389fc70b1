// Rollcall · PresenceFeed

import NIOCore
import PresenceModel
import PresenceText

/// The subscribers of one topic on one event loop, so that a diff reaches all of them with one hop.
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

    /// Delivers a change of its own presence to one subscriber, unless that waits for its first event, which shows it.
    func deliver(own change: OwnChange, to subscription: Subscription) {
        guard members[ObjectIdentifier(subscription)] != nil else { return }
        subscription.deliver(.own(change))
    }

    func remove(_ subscription: Subscription) {
        members[ObjectIdentifier(subscription)] = nil
    }

    /// Delivers to every subscriber the bytes of its format.
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

    /// Delivers entries with changed data to the subscribers of the formats that show it.
    func deliver(dataChange frames: [FrameFormat: ByteBuffer]) {
        for subscription in members.values {
            if let frame = frames[subscription.format] { subscription.deliver(.dataChanged(frame)) }
        }
    }

    func deliverToAll(_ event: FeedEvent) {
        for subscription in members.values { subscription.deliver(event) }
    }
}

/// The audiences of one topic, one for each event loop; used on the feed's loop.
struct LoopAudiences {
    private var audiences: [ObjectIdentifier: LoopAudience] = [:]

    var isEmpty: Bool { audiences.isEmpty }

    /// The audience on the loop of a subscriber.
    subscript(subscription: Subscription) -> LoopAudience {
        mutating get {
            let id = ObjectIdentifier(subscription.loop)
            if let audience = audiences[id] { return audience }
            let audience = LoopAudience(loop: subscription.loop)
            audiences[id] = audience
            return audience
        }
    }

    func forEach(_ action: @escaping @Sendable (isolated LoopAudience) -> Void) {
        for audience in audiences.values { audience.perform(action) }
    }

    /// Delivers a diff and changed data to all subscribers, and first events to new ones.
    mutating func deliver(_ delivery: Delivery, _ frames: Delivery.Frames) {
        if let batch = delivery.flush.batch, let diff = frames.diff { forEach { $0.deliver(diff, at: batch.to) } }
        if let data = frames.dataChange { forEach { $0.deliver(dataChange: data) } }
        for (first, events) in zip(delivery.firstEvents, frames.firstEvents) {
            let subscription = first.arrival.subscription
            self[subscription].perform { $0.add(subscription, events) }
        }
    }

    /// Completes on `loop` when the loops of all audiences have performed their earlier actions.
    func allWritten(on loop: any EventLoop) -> EventLoopFuture<Void> {
        .andAllComplete(audiences.values.map { $0.loop.submit {} }, on: loop)
    }
}
