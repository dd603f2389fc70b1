// Rollcall · Redis

/// The pauses between attempts to connect: the step doubles up to a maximum, and a pause is a random part of its step.
package struct RedisBackoff: Sendable, Hashable {
    package var initial: Duration = .milliseconds(50)
    package var maximum: Duration = .seconds(1)

    package init() {}

    /// Returns the pause after `failures` (1 or more) failed attempts in a row: between half of the step and the whole.
    ///
    /// The jitter spreads the clients that lose one server at the same time.
    package func pause(failures: Int, jitter: Double = .random(in: 0.5...1)) -> Duration {
        let doublings = min(max(failures - 1, 0), 30)
        let step = min(initial * (1 << doublings), maximum)
        return step * jitter
    }

    /// Returns the pause after a refusal that only an operator can end: `jitter` times three times the maximum.
    package func slowPause(jitter: Double = .random(in: 0.5...1)) -> Duration { maximum * 3 * jitter }
}
