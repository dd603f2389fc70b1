// Rollcall · Basics

extension Duration {
    /// The whole milliseconds in it; fractions are dropped.
    package var wholeMilliseconds: Int {
        Int(components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000)
    }
}
