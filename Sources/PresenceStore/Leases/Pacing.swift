// Rollcall · PresenceStore

/// Runs `body` at once and then each `interval`, until the task is cancelled.
///
/// A run that takes longer delays the next one; runs never overlap.
func every(_ interval: Duration, _ body: () async -> Void) async {
    let clock = ContinuousClock()
    var next = clock.now
    while !Task.isCancelled {
        await body()
        next = max(next + interval, clock.now)
        try? await clock.sleep(until: next, tolerance: .zero)
    }
}

/// Runs `body` for each element, at most `width` at a time; returns when all runs have ended.
func inParallel<Element: Sendable>(
    _ elements: [Element], width: Int, _ body: @escaping @Sendable (Element) async -> Void
) async {
    if elements.count == 1 { return await body(elements[0]) }
    await withTaskGroup(of: Void.self) { group in
        for (index, element) in elements.enumerated() {
            if index >= width { await group.next() }
            group.addTask { await body(element) }
        }
    }
}
