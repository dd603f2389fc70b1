// Rollcall · bench

import LoadGenerator

/// One question, asked of several subjects at several sizes.
struct Suite: Sendable {
    /// What `--suite` calls it.
    let name: String
    let title: String
    /// What the size counts.
    let unit: String
    let sizes: [Int]
    let subjects: [Subject]
    /// The figure that ratios to the peers are made of.
    let headline: String
    /// Whether more of it is better.
    var moreIsBetter = true
    /// The figures whose growth with the size is told as an exponent.
    var growth = ["server CPU s", "Redis CPU s"]
    /// Sizes beyond which a subject would take minutes.
    var largest: [Subject: Int] = [:]
    /// The size from which on 1×, 2×, 4× and 8× show how the cost grows.
    let scalingBase: Int
    let measure: @Sendable (Subject, Int, Setting) throws(LoadError) -> Figures
}
