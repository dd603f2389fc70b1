// Rollcall · PresenceServer

package import NIOCore

/// The intervals and bounds of streams.
package struct StreamOptions: Sendable {
    /// The time between two pings of a stream; proxies and watchdogs expect bytes at least this often.
    package var pingInterval = TimeAmount.seconds(15)
    /// The milliseconds that a client waits before it reconnects; each stream sends a random `retry` of this range.
    package var retry: ClosedRange<Int> = 1000...3000
    /// Bytes that may wait for one slow reader.
    package var slowReaderBytes = 1 << 20
    /// How long the oldest diff may wait for a slow reader.
    package var slowReaderAge = TimeAmount.seconds(10)
    /// How long a reader may take no bytes.
    package var stuckReaderAge = TimeAmount.seconds(30)
    /// The time over which a shutdown spreads the ends of streams.
    package var drain = TimeAmount.seconds(5)
    /// Topics that one stream may follow; no setting.
    static let topicsPerStream = 50
    /// Whether events go past NIO's buffer where ``DirectSocketWriter`` permits it; no setting, tests switch it off.
    package var sendsDirectly = true

    package init() {}

    /// The range of `retry` for a presence with a grace, in seconds: a client reconnects within half of it.
    func retry(within grace: Int?) -> ClosedRange<Int> {
        guard let grace, grace > 0 else { return retry }
        let latest = min(grace * 500, retry.upperBound)
        return min(grace * 250, retry.lowerBound, latest)...latest
    }
}
