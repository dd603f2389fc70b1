// Rollcall · PresenceFeed

package import NIOCore
package import PresenceModel

/// The recent data changes of one topic, each with its time, because a cursor does not count data changes.
package struct DataChangeLog: Sendable {
    /// Data changes that are kept; the oldest are dropped, and earlier streams then get all data when they resume.
    package static let maximumCount = 512
    /// Bytes of one data change beside its key.
    private static let bytesPerChange = 48

    /// How much earlier than this node another node may have reached the cursor of a stream that resumes.
    ///
    /// Sending a key once more than needed does no harm.
    private let slack: TimeAmount
    private var changes: [(key: Key, at: NIODeadline)] = []
    /// Bytes of the data changes that are kept; bounded by ``maximumCount`` keys.
    package private(set) var bytes = 0
    /// Since when every data change is kept; nil before the feed has its first snapshot.
    private var completeSince: NIODeadline?

    package init(slack: TimeAmount) { self.slack = slack }

    /// From now on every data change arrives.
    package mutating func begin(at now: NIODeadline) {
        if completeSince == nil { completeSince = now }
    }

    package mutating func append(_ keys: some Sequence<Key>, at now: NIODeadline) {
        for key in keys {
            changes.append((key, now))
            bytes += Self.bytes(of: key)
        }
        dropOldest(changes.count - Self.maximumCount)
    }

    /// Drops the oldest until at most so many bytes are kept.
    package mutating func trim(toBytes bound: Int) {
        var rest = bytes, count = 0
        while rest > bound {
            rest -= Self.bytes(of: changes[count].key)
            count += 1
        }
        dropOldest(count)
    }

    private mutating func dropOldest(_ count: Int) {
        guard count > 0 else { return }
        // The log may lack a change of that time, so it is complete only after that time.
        completeSince = changes[count - 1].at + .nanoseconds(1)
        for change in changes.prefix(count) { bytes -= Self.bytes(of: change.key) }
        changes.removeFirst(count)
    }

    private static func bytes(of key: Key) -> Int { bytesPerChange + key.text.utf8.count }

    /// The keys that a stream may have missed if it had its cursor at that time; nil if that is not known.
    package func keys(since time: NIODeadline?) -> Set<Key>? {
        guard let time, let completeSince, time >= completeSince + slack else { return nil }
        return Set(changes.lazy.filter { $0.at + slack >= time }.map(\.key))
    }
}
