// Rollcall · bench

/// What all suites are told.
struct Setting {
    let launcher: Launcher
    /// Fewer repetitions, for trying things out.
    let isQuick: Bool

    /// So many repetitions, or a fifth of them.
    func repetitions(_ count: Int) -> Int {
        isQuick ? max(1, count / 5) : count
    }
}
