// Rollcall · Postgres

extension Duration {
    /// The whole milliseconds in it; fractions are dropped.
    var wholeMilliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
