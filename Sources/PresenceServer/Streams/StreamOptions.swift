// Rollcall · PresenceServer

package import NIOCore

/// How streams are paced and bounded.
package struct StreamOptions: Sendable {
    /// Between two pings of a stream; proxies and watchdogs want bytes at least this often.
    package var ping = TimeAmount.seconds(15)
    /// What a client is told to wait before it comes back, in milliseconds; jittered.
    package var retry: ClosedRange<Int> = 1000...3000
    /// Bytes that a slow reader may have waiting.
    package var slowReaderBytes = 1 << 20
    /// How long the oldest waiting frame of a slow reader may wait.
    package var slowReaderAge = TimeAmount.seconds(10)
    /// How long a reader may not read at all.
    package var stuckReaderAge = TimeAmount.seconds(30)
    /// Over how long the ends of streams are spread on shutdown.
    package var drain = TimeAmount.seconds(5)
    /// Topics that one stream may follow.
    package var maximumTopics = 50

    package init() {}

    /// What a client is told to wait, so that it is back well before its presence's grace, in seconds, has passed.
    func retry(within grace: Int?) -> ClosedRange<Int> {
        guard let grace, grace > 0 else { return retry }
        let latest = min(grace * 500, retry.upperBound)
        return min(grace * 250, retry.lowerBound, latest)...latest
    }
}
