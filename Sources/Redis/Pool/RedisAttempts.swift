// Rollcall · Redis

import Basics

/// Decides the pause before the next attempt to connect, and whether a failure deserves a warning; pure but for jitter.
struct RedisAttempts: Sendable {
    private let backoff: Backoff
    private(set) var failures = 0
    /// Whether the last failure deserves a warning: it is the first one in a row, or a lost connection, unless the
    /// connection before it was lost for the same reason.
    private(set) var deservesWarning = false
    private var last: (code: RedisError.Code, hadLived: Bool)?

    init(backoff: Backoff) {
        self.backoff = backoff
    }

    /// Returns the pause after a connection that could not be made (`lived` is zero) or was lost.
    ///
    /// A connection that was lost within `backoff.longest` counts as a failure, so that the pauses grow also for a
    /// server that accepts clients and then refuses them.
    mutating func pause(after error: RedisError, lived: Duration) -> Duration {
        failures = lived > backoff.longest ? 1 : failures + 1
        deservesWarning = failures == 1 || lived > .zero && !(last?.hadLived == true && last?.code == error.code)
        last = (error.code, lived > .zero)
        return backoff.pause(failures: failures, isPermanent: RedisTrouble(error).isPermanent)
    }
}
