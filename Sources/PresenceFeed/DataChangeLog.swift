// Rollcall · PresenceFeed

package import NIOCore
package import Presence

/// The keys of one topic whose data was told anew, and when: no cursor says whether a returning stream has seen that.
package struct DataChangeLog: Sendable {
    /// Renewals kept; the oldest are forgotten, and with them how to resume streams from before.
    package static let maximumCount = 512
    /// What keeping one renewal costs beside its key, in bytes.
    private static let bytesPerRenewal = 48

    /// How much earlier than this node another may have stood at a cursor that a stream brings.
    ///
    /// Sending a key once more than needed does no harm.
    private let slack: TimeAmount
    private var renewals: [(key: Key, at: NIODeadline)] = []
    /// What is kept, in bytes; bounded by ``maximumCount`` keys.
    package private(set) var bytes = 0
    /// What came before is not known: the feed was not there yet, or has forgotten; nil until it is there.
    private var completeSince: NIODeadline?

    package init(slack: TimeAmount) { self.slack = slack }

    /// From now on every change of data is heard of.
    package mutating func begin(at now: NIODeadline) {
        if completeSince == nil { completeSince = now }
    }

    package mutating func append(_ keys: some Sequence<Key>, at now: NIODeadline) {
        for key in keys {
            renewals.append((key, now))
            bytes += Self.bytes(of: key)
        }
        forget(renewals.count - Self.maximumCount)
    }

    /// Forgets the oldest until at most so many bytes are kept.
    package mutating func trim(toBytes bound: Int) {
        var rest = bytes, count = 0
        while rest > bound {
            rest -= Self.bytes(of: renewals[count].key)
            count += 1
        }
        forget(count)
    }

    private mutating func forget(_ count: Int) {
        guard count > 0 else { return }
        // Others of the same time may be kept, but not all.
        completeSince = renewals[count - 1].at + .nanoseconds(1)
        for renewal in renewals.prefix(count) { bytes -= Self.bytes(of: renewal.key) }
        renewals.removeFirst(count)
    }

    private static func bytes(of key: Key) -> Int { bytesPerRenewal + key.text.utf8.count }

    /// The keys that a stream may have missed which stood, at that time, at the cursor it brings; nil if nobody knows.
    package func keys(since time: NIODeadline?) -> Set<Key>? {
        guard let time, let completeSince, time >= completeSince + slack else { return nil }
        return Set(renewals.lazy.filter { $0.at + slack >= time }.map(\.key))
    }
}
