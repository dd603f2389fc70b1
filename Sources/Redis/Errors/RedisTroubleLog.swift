// Rollcall · Redis

import Logging
import Metrics
import NIOCore
import Synchronization

/// Logs each trouble once when it begins and once when it ends, and has a metric that shows which of them last.
final class RedisTroubleLog: Sendable {
    private let url: RedisURL
    private let logger: Logger
    private let gauges: [RedisTrouble.Kind: Gauge]
    private let troubles: Mutex<RedisTroubles>

    init(url: RedisURL, hold: Duration, logger: Logger) {
        self.url = url
        self.logger = logger
        troubles = Mutex(RedisTroubles(hold: TimeAmount(hold)))
        gauges = Dictionary(
            uniqueKeysWithValues: RedisTrouble.Kind.allCases.map { kind in
                (kind, Gauge(label: "rollcall_redis_trouble", dimensions: [("reason", kind.rawValue)]))
            })
        for gauge in gauges.values { gauge.record(0) }
    }

    func trouble(of source: RedisTroubles.Source) -> RedisTrouble? {
        troubles.withLock { $0.trouble(of: source) }
    }

    /// Sets the current trouble of a source, nil for none.
    func note(_ trouble: RedisTrouble?, from source: RedisTroubles.Source) {
        // Logged under the lock: lines come in the order of the changes.
        troubles.withLock { troubles in
            for change in troubles.note(trouble, from: source, at: .now()) { log(change) }
        }
    }

    private func log(_ change: RedisTroubles.Change) {
        switch change {
        case .began(let trouble):
            gauges[trouble.kind]?.record(1)
            // The pool and the subscriber log each loss of a connection by themselves.
            guard trouble.kind != .unreachable else { return }
            logger.log(
                level: trouble.isPermanent ? .error : .warning,
                "redis: \(trouble.isRefusalOfWrites ? "refuses writes" : "cannot be used")",
                metadata: [
                    "redis": "\(url)", "trouble": "\(trouble.kind.rawValue)", "reason": "\(trouble)",
                ])
        case .ended(let kind):
            gauges[kind]?.record(0)
            guard kind != .unreachable else { return }
            logger.notice("redis: trouble ended", metadata: ["redis": "\(url)", "trouble": "\(kind.rawValue)"])
        }
    }
}
