// Rollcall · bench

/// The settings of all suites.
struct Setting {
    let launcher: Launcher
    /// Fewer repetitions, as a quick check.
    let isQuick: Bool

    /// The given number of repetitions, or a fifth of it in a quick run.
    func repetitions(_ count: Int) -> Int {
        isQuick ? max(1, count / 5) : count
    }
}
