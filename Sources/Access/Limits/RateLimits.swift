// Rollcall · Access

package import PresenceModel
import Synchronization

/// One rate of a node.
package struct RatePolicy: Hashable, Sendable {
    /// Its name, such as `user_requests`.
    package let name: String
    package let kind: RateKind
    package let rate: Rate
}

/// A caller as rates know it.
package enum RateSubject: Hashable, Sendable {
    case user(Key)
    case apiKey(String)
    case address(ClientAddress)

    package var kind: CallerKind {
        switch self {
        case .user: .user
        case .apiKey: .apiKey
        case .address: .address
        }
    }

    /// The name for the log.
    package var name: String {
        switch self {
        case .user(let key): key.text
        case .apiKey(let id): id
        case .address(let address): address.description
        }
    }
}

/// What a step of a request uses of each rate.
///
/// Nil is a rate that does not concern the step. With 0 the step uses nothing, but is refused if the rate is used up.
package struct RateCost: Hashable, Sendable {
    package var requests: Int?
    package var tracks: Int?
    package var bytes: Int?
    package var tickets: Int?
    package var failures: Int?

    package init(
        requests: Int? = nil, tracks: Int? = nil, bytes: Int? = nil, tickets: Int? = nil, failures: Int? = nil
    ) {
        self.requests = requests
        self.tracks = tracks
        self.bytes = bytes
        self.tickets = tickets
        self.failures = failures
    }

    subscript(kind: RateKind) -> Int? {
        switch kind {
        case .requests: requests
        case .tracks: tracks
        case .bytes: bytes
        case .tickets: tickets
        case .failures: failures
        }
    }

    /// Adds the rates that another step concerns; the numbers do not count.
    package mutating func concern(_ other: RateCost) {
        requests = requests ?? other.requests
        tracks = tracks ?? other.tracks
        bytes = bytes ?? other.bytes
        tickets = tickets ?? other.tickets
        failures = failures ?? other.failures
    }
}

/// What a rate leaves for a caller.
package struct RateStanding: Hashable, Sendable {
    package let policy: RatePolicy
    package let verdict: RateVerdict
}

/// All rates of a node, each with the callers that have used it.
///
/// Used on every thread. The callers are spread over locks, and a step of a request takes the lock of its caller once.
package final class RateLimits: Sendable {
    /// Callers that each rate of a kind of caller knows at most; each takes up to 64 bytes.
    package static let maximumCallers = 65_536
    private static let shardCount = 16

    /// The limiters of some callers, one for each policy of their kind, in the same order.
    private final class Shard: Sendable {
        let limiters: Mutex<[RateLimiter]>

        init(_ policies: [RatePolicy], maximumKeys: Int) {
            limiters = Mutex(policies.map { RateLimiter($0.rate, maximumKeys: maximumKeys) })
        }
    }

    private struct Table: Sendable {
        let policies: [RatePolicy]
        let shards: [Shard]
    }

    private let tables: [CallerKind: Table]

    package init(_ limits: [CallerKind: CallerLimits]) {
        var tables: [CallerKind: Table] = [:]
        for (kind, limits) in limits where !limits.rates.isEmpty {
            let policies = RateKind.allCases.compactMap { rate in
                limits.rates[rate].map { RatePolicy(name: kind.name(of: rate), kind: rate, rate: $0) }
            }
            tables[kind] = Table(
                policies: policies,
                shards: (0..<Self.shardCount).map { _ in
                    Shard(policies, maximumKeys: Self.maximumCallers / Self.shardCount)
                })
        }
        self.tables = tables
    }

    /// The rates of a kind of caller.
    package func policies(of kind: CallerKind) -> [RatePolicy] { tables[kind]?.policies ?? [] }

    /// Uses what a step of a request costs, of all rates or of none.
    ///
    /// - Parameters:
    ///   - now: Seconds of a clock that does not go back.
    ///   - taken: What earlier steps of the same request have used.
    ///   - counts: Whether the cost is used if it is allowed.
    /// - Returns: Nil if it is allowed, which allocates nothing; else what the rates leave.
    package func take(
        _ cost: RateCost, by subject: RateSubject, at now: Double, taken: RateCost = RateCost(), counts: Bool = true
    ) -> [RateStanding]? {
        var refusal: [RateStanding]?
        visit(subject) { limiters, policies, key in
            let isAllowed = policies.indices.allSatisfy { index in
                let kind = policies[index].kind
                return cost[kind] == nil
                    || limiters[index].verdict(for: key, at: now, taken: taken[kind] ?? 0).isAllowed
            }
            if !isAllowed {
                refusal = Self.standings(of: cost, of: key, policies, limiters, at: now, taken)
            } else if counts {
                Self.add(cost, to: key, policies, &limiters, at: now)
            }
        }
        return refusal
    }

    /// Uses what a step of a request costs, also if it is more than is left.
    package func add(_ cost: RateCost, by subject: RateSubject, at now: Double) {
        visit(subject) { Self.add(cost, to: $2, $1, &$0, at: now) }
    }

    /// Calls `body` with what each rate that a cost concerns leaves for a caller.
    package func forEachStanding(
        of cost: RateCost, by subject: RateSubject, at now: Double, _ body: (RateStanding) -> Void
    ) {
        visit(subject) { limiters, policies, key in
            for index in policies.indices where cost[policies[index].kind] != nil {
                body(RateStanding(policy: policies[index], verdict: limiters[index].verdict(for: key, at: now)))
            }
        }
    }

    /// Calls `body` with the limiters of a caller and their policies, unless the caller has no rates.
    ///
    /// The key of a caller is a hash with a random seed of the process, so a table has no texts, and no client can
    /// choose a key. Two callers with one hash share their rates.
    private func visit(_ subject: RateSubject, _ body: (inout [RateLimiter], [RatePolicy], _ key: Int) -> Void) {
        guard let table = tables[subject.kind] else { return }
        let key = subject.hashValue
        table.shards[Int(UInt(bitPattern: key) % UInt(Self.shardCount))].limiters.withLock { limiters in
            body(&limiters, table.policies, key)
        }
    }

    private static func add(
        _ cost: RateCost, to key: Int, _ policies: [RatePolicy], _ limiters: inout [RateLimiter], at now: Double
    ) {
        for index in policies.indices {
            if let units = cost[policies[index].kind] { limiters[index].add(units, to: key, at: now) }
        }
    }

    private static func standings(
        of cost: RateCost, of key: Int, _ policies: [RatePolicy], _ limiters: [RateLimiter], at now: Double,
        _ taken: RateCost
    ) -> [RateStanding] {
        policies.indices.filter { cost[policies[$0].kind] != nil }.map { index in
            let earlier = taken[policies[index].kind] ?? 0
            return RateStanding(
                policy: policies[index], verdict: limiters[index].verdict(for: key, at: now, taken: earlier))
        }
    }
}
