// Rollcall · PresenceFeed

package import NIOCore
package import Presence

/// The keys of one topic whose data was told anew, and when: no cursor says whether a returning stream has seen that.
package struct RenewalLog: Sendable {
    /// Renewals kept; the oldest are forgotten, and with them how to resume streams from before.
    package static let maximumCount = 512
    /// How much earlier than this node another may have stood at a cursor that a stream brings.
    ///
    /// Telling a key once more than needed does no harm.
    package static let slack = TimeAmount.seconds(60)

    private var renewals: [(key: Key, at: NIODeadline)] = []
    private var forgotten: NIODeadline?

    package init() {}

    package mutating func append(_ keys: some Sequence<Key>, at now: NIODeadline) {
        for key in keys { renewals.append((key, now)) }
        let surplus = renewals.count - Self.maximumCount
        guard surplus > 0 else { return }
        forgotten = renewals[surplus - 1].at
        renewals.removeFirst(surplus)
    }

    /// The keys that a stream may have missed which stood, at that time, at the cursor it brings; nil if some are forgotten.
    package func keys(since time: NIODeadline?) -> Set<Key>? {
        let time = time ?? .uptimeNanoseconds(0)
        if let forgotten, forgotten + Self.slack >= time { return nil }
        return Set(renewals.lazy.filter { $0.at + Self.slack >= time }.map(\.key))
    }
}
