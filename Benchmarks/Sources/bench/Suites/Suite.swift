// Rollcall · bench

import LoadGenerator

/// One measurement of several subjects at several sizes.
struct Suite: Sendable {
    /// The name for `--suite`.
    let name: String
    let title: String
    /// The unit of the size.
    let unit: String
    let sizes: [Int]
    let subjects: [Subject]
    /// The figure of the ratios to the peers.
    let headline: String
    /// Whether a larger headline figure is better.
    var moreIsBetter = true
    /// The figures for which the report has an exponent of growth with the size.
    var growth = ["server CPU s", "Redis CPU s"]
    /// The largest size of a subject; larger sizes would take minutes.
    var largest: [Subject: Int] = [:]
    /// The base size of `--scaling`, which measures 1, 2, 4 and 8 times this size.
    let scalingBase: Int
    let measure: @Sendable (Subject, Int, Setting) throws(LoadError) -> Figures
}
