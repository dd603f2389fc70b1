// Rollcall · Access

import Basics

/// How much a caller may use: `500/10s` is 500 at once, and 50 a second on average.
package struct Rate: Hashable, Sendable, CustomStringConvertible {
    /// The most that may be used at once.
    package let count: Int
    /// The seconds in which as much comes back, evenly.
    package let seconds: Int

    package init(_ count: Int, in seconds: Int) {
        self.count = count
        self.seconds = seconds
    }

    /// Reads a rate such as `500/10s`; returns nil for any other text.
    package init?(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1].last == UInt8(ascii: "s"), let count = decimal(parts[0]),
            let seconds = decimal(parts[1].dropLast()), 1...1_000_000_000 ~= count, 1...86_400 ~= seconds
        else { return nil }
        self.init(count, in: seconds)
    }

    package var description: String { "\(count)/\(seconds)s" }

    /// Units that come back in a second.
    var perSecond: Double { Double(count) / Double(seconds) }
}
