// Rollcall · PresenceServer

import Access
import Logging
import Metrics
import NIOCore
import Synchronization

/// Counts what limits refuse, and logs each limit once a minute at most.
final class LimitReport: Sendable {
    /// Between two log lines of a limit.
    private static let pause = TimeAmount.minutes(1)

    private struct Line {
        /// Refusals since the last line.
        var refused = 0
        var next = NIODeadline.uptimeNanoseconds(0)
    }

    private let logger: Logger
    private let counters: [String: Counter]
    private let lines: Mutex<[String: Line]>

    /// - Parameter names: The names of all limits that are set.
    init(_ names: [String], logger: Logger) {
        self.logger = logger
        counters = Dictionary(
            uniqueKeysWithValues: names.map {
                ($0, Counter(label: "rollcall_rate_limited_total", dimensions: [("limit", $0)]))
            })
        lines = Mutex(Dictionary(uniqueKeysWithValues: names.map { ($0, Line()) }))
    }

    func note(_ limit: ReachedLimit) {
        counters[limit.name]?.increment()
        let now = NIODeadline.now()
        let refused = lines.withLock { lines -> Int? in
            guard var line = lines[limit.name] else { return nil }
            line.refused += 1
            let refused = line.refused
            let isDue = now >= line.next
            if isDue { line = Line(next: now + Self.pause) }
            lines[limit.name] = line
            return isDue ? refused : nil
        }
        guard let refused else { return }
        logger.warning(
            "access: limit reached, requests are refused",
            metadata: ["limit": "\(limit.name)", "caller": "\(limit.caller)", "refused": "\(refused)"])
    }
}
