// Rollcall · PresenceStore

/// Runs `body` at once and then each `interval`, until the task is cancelled.
///
/// A run that takes longer delays the next one; runs never overlap.
package func every(_ interval: Duration, _ body: () async -> Void) async {
    let clock = ContinuousClock()
    var next = clock.now
    while !Task.isCancelled {
        await body()
        next = max(next + interval, clock.now)
        try? await clock.sleep(until: next, tolerance: .zero)
    }
}
