// Rollcall · Basics

/// The pauses between attempts: the step doubles at each failure up to the longest, and a pause is a random part of its
/// step.
///
/// The random part spreads the clients that lose one server at the same time.
package struct Backoff: Sendable, Hashable {
    /// The step after the first failure.
    package var first: Duration
    /// The longest step, also where `first` is longer.
    package var longest: Duration
    /// The step after an error that does not pass by itself, such as a wrong password.
    package var permanent: Duration

    /// Takes the steps; without `permanent`, the step after such an error is the longest one.
    package init(first: Duration, longest: Duration, permanent: Duration? = nil) {
        self.first = first
        self.longest = longest
        self.permanent = permanent ?? longest
    }

    /// Returns the pause after `failures` (1 or more) failed attempts in a row: between half of the step and the whole.
    package func pause(
        failures: Int, isPermanent: Bool = false, jitter: Double = .random(in: 0.5...1)
    ) -> Duration {
        if isPermanent { return permanent * jitter }
        let doublings = min(max(failures, 1) - 1, 30)
        return min(min(first, longest) * (1 << doublings), longest) * jitter
    }
}
