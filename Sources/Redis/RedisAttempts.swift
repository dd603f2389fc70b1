// Rollcall · Redis

/// Says how long to wait before the next attempt to connect; pure but for chance.
struct RedisAttempts: Sendable {
    private let backoff: RedisBackoff
    private(set) var failures = 0
    /// Whether the last failure deserves a warning: the first one in a row, or a lost connection, unless the connection
    /// before it was lost for the same reason.
    private(set) var isNews = false
    private var last: (code: RedisError.Code, hadLived: Bool)?

    init(backoff: RedisBackoff) {
        self.backoff = backoff
    }

    /// Gives the pause after a connection that could not be made (`lived` is zero) or was lost.
    ///
    /// One that was lost soon counts as a failure: a server that accepts and then refuses all clients is not stormed.
    mutating func pause(after error: RedisError, lived: Duration) -> Duration {
        failures = lived > backoff.maximum ? 1 : failures + 1
        isNews = failures == 1 || lived > .zero && !(last?.hadLived == true && last?.code == error.code)
        last = (error.code, lived > .zero)
        return RedisTrouble(error).isPermanent ? backoff.slowPause() : backoff.pause(failures: failures)
    }
}
