// Rollcall · Redis

/// The pauses between attempts to connect: doubled each time up to a maximum, and each one a random part of it.
package struct RedisBackoff: Sendable, Hashable {
    package var initial: Duration = .milliseconds(50)
    package var maximum: Duration = .seconds(1)

    package init() {}

    /// Gives the pause after `failures` (1 or more) attempts in a row: between half of the step and the whole.
    ///
    /// Many clients that lose one server at once thus come back spread out, and none at once.
    package func pause(failures: Int, jitter: Double = .random(in: 0.5...1)) -> Duration {
        let doublings = min(max(failures - 1, 0), 30)
        let step = min(initial * (1 << doublings), maximum)
        return step * jitter
    }

    /// The pause after a refusal that only an operator can lift: three times the maximum, as part of which `jitter` says.
    package func slowPause(jitter: Double = .random(in: 0.5...1)) -> Duration { maximum * 3 * jitter }
}
