// Rollcall · PresenceFeed

import DequeModule

/// The topics that wait for a snapshot, in the order in which they asked, as a pure state machine.
///
/// Each topic waits once: the bound is the number of topics that the node follows.
package struct SnapshotRequests<Feed: AnyObject & Sendable>: Sendable {
    private var order: Deque<Feed> = []
    /// The newest request of each that waits.
    private var tickets: [ObjectIdentifier: Int] = [:]

    package init() {}

    /// Adds a request; one that waits already is replaced and keeps its place.
    package mutating func add(_ feed: Feed, ticket: Int) {
        if tickets.updateValue(ticket, forKey: ObjectIdentifier(feed)) == nil { order.append(feed) }
    }

    package mutating func next() -> (feed: Feed, ticket: Int)? {
        guard let feed = order.popFirst(), let ticket = tickets.removeValue(forKey: ObjectIdentifier(feed)) else {
            return nil
        }
        return (feed, ticket)
    }
}
