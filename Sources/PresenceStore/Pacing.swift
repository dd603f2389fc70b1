// Rollcall · PresenceStore

/// Does something at once and then each `interval` until the task is cancelled; a round that takes longer delays the
/// next instead of piling up behind it.
func every(_ interval: Duration, _ body: () async -> Void) async {
    let clock = ContinuousClock()
    var next = clock.now
    while !Task.isCancelled {
        await body()
        next = max(next + interval, clock.now)
        try? await clock.sleep(until: next, tolerance: .zero)
    }
}

/// Does something with each element, at most `width` at a time, and returns when all is done.
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
