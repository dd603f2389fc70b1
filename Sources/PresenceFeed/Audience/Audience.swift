// Rollcall · PresenceFeed

import NIOCore
import PresenceModel
import PresenceText

/// A subscriber before its first event.
struct NewSubscriber: Sendable {
    let subscription: Subscription
    let since: NIODeadline
    /// Whether `degraded` was its last notice, and not `recovered`.
    var isDegraded: Bool
    /// False after the subscriber's queue was dropped: the subscriber then needs a state.
    var mayResume = true
    /// False when the replica has not reached the subscriber's cursor in time: then its first event may be older.
    var waitsForCursor = true

    /// Whether its client holds entries from before; changed data then needs a diff, since phoenix.js' `syncState`
    /// compares refs alone.
    var isReturning: Bool { !mayResume || subscription.since.map { $0 != .empty } == true }
}

/// The subscribers of one topic: new ones, which wait for their first event, and all others.
///
/// Bounded by the open streams of the node.
struct Audience: Sendable {
    /// How many subscribers each format has.
    private(set) var formats: [FrameFormat: Int] = [:]
    /// Subscribers that wait for their first event.
    var newSubscribers: [NewSubscriber] = []
    private var subscribers: Set<ObjectIdentifier> = []
    private var byMember: [Member: [Subscription]] = [:]

    var isEmpty: Bool { subscribers.isEmpty }
    /// Whether a format shows the fields of the fetch hook.
    var showsData: Bool { formats.keys.contains(where: \.showsData) }
    /// Whether a subscriber stands for a presence.
    var hasMembers: Bool { !byMember.isEmpty }

    func contains(_ subscription: Subscription) -> Bool { subscribers.contains(ObjectIdentifier(subscription)) }

    /// The subscribers that stand for a presence.
    func subscribers(of member: Member) -> [Subscription] { byMember[member] ?? [] }

    mutating func add(_ subscription: Subscription, isDegraded: Bool, at now: NIODeadline) {
        subscribers.insert(ObjectIdentifier(subscription))
        formats[subscription.format, default: 0] += 1
        if let member = subscription.member { byMember[member, default: []].append(subscription) }
        newSubscribers.append(NewSubscriber(subscription: subscription, since: now, isDegraded: isDegraded))
    }

    /// Removes a subscriber; false if it is none.
    mutating func remove(_ subscription: Subscription) -> Bool {
        guard subscribers.remove(ObjectIdentifier(subscription)) != nil else { return false }
        formats[subscription.format, default: 1] -= 1
        if formats[subscription.format] == 0 { formats[subscription.format] = nil }
        if let member = subscription.member {
            byMember[member]?.removeAll { $0 === subscription }
            if byMember[member]?.isEmpty == true { byMember[member] = nil }
        }
        if let index = newIndex(of: subscription) { newSubscribers.remove(at: index) }
        return true
    }

    /// Sets the last notice of all new subscribers; returns those that have another one and must get this notice.
    mutating func notice(isDegraded: Bool) -> [Subscription] {
        var notified: [Subscription] = []
        for index in newSubscribers.indices where newSubscribers[index].isDegraded != isDegraded {
            newSubscribers[index].isDegraded = isDegraded
            notified.append(newSubscribers[index].subscription)
        }
        return notified
    }

    func newIndex(of subscription: Subscription) -> Int? {
        newSubscribers.firstIndex { $0.subscription === subscription }
    }
}
