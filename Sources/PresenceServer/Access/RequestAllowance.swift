// Rollcall · PresenceServer

import Access
import HTTPTypes
import Synchronization

/// Counts the steps of one request, and keeps which rates its answer reports.
final class RequestAllowance: Sendable {
    private let rates: RateLimits
    private let subject: RateSubject
    private let address: RateSubject?
    private let policies: String
    /// The rates that the request has used.
    private let used = Mutex(RateCost())

    /// - Parameters:
    ///   - subject: The caller.
    ///   - address: The address of a caller that counts by it as well.
    ///   - policies: The value of `RateLimit-Policy`.
    init(_ rates: RateLimits, of subject: RateSubject, address: RateSubject?, policies: String) {
        self.rates = rates
        self.subject = subject
        self.address = address
        self.policies = policies
    }

    /// Uses what a step costs, or refuses it.
    ///
    /// - Parameter taken: What earlier steps have used.
    /// - Throws: ``ProblemKind/rateLimited``, with the fields of the rates.
    func take(_ cost: RateCost, taken: RateCost = RateCost(), counts: Bool = true) throws(Problem) {
        used.withLock { $0.concern(cost) }
        try take(cost, by: subject, taken, counts)
        if let address { try take(cost, by: address, taken, counts) }
    }

    private func take(
        _ cost: RateCost, by subject: RateSubject, _ taken: RateCost, _ counts: Bool
    ) throws(Problem) {
        guard let standings = rates.take(cost, by: subject, at: RequestLimits.now, taken: taken, counts: counts)
        else { return }
        var problem = Problem.rateLimited(standings, of: subject)
        write(to: &problem.headers)
        throw problem
    }

    /// Uses bytes of a meta that was read, also if they are more than is left.
    func add(bytes: Int) {
        let cost = RateCost(bytes: bytes)
        used.withLock { $0.concern(cost) }
        rates.add(cost, by: subject, at: RequestLimits.now)
        if let address { rates.add(cost, by: address, at: RequestLimits.now) }
    }

    /// Writes `RateLimit-Policy` and `RateLimit`.
    func write(to headers: inout HTTPFields) {
        let used = used.withLock { $0 }
        var value = ""
        // Three rates in one allocation.
        value.reserveCapacity(128)
        rates.forEachStanding(of: used, by: subject, at: RequestLimits.now) { RateFields.append($0, to: &value) }
        if let address {
            rates.forEachStanding(of: used, by: address, at: RequestLimits.now) { RateFields.append($0, to: &value) }
        }
        guard !value.isEmpty else { return }
        headers[.rateLimitPolicy] = policies
        headers[.rateLimit] = value
    }
}

extension Problem {
    /// The 429 of a caller; `Retry-After` is the longest time that one of the used-up rates asks for.
    static func rateLimited(_ standings: [RateStanding], of subject: RateSubject) -> Problem {
        let refusing = standings.filter { !$0.verdict.isAllowed }
        let wait = refusing.map(\.verdict.reset).max() ?? 1
        let first = refusing.first?.policy
        let rate = first.map { "\($0.rate.count) \($0.kind.rawValue) in \($0.rate.seconds) s (\($0.name))" } ?? "a rate"
        var problem = Problem(.rateLimited, "The caller has used up \(rate); try again in \(wait) s.")
        problem.limit = ReachedLimit(name: first?.name ?? "", caller: subject.name)
        problem.headers[.retryAfter] = String(wait)
        return problem
    }

    /// The 403 of a caller that has as much as it may have.
    static func limitReached(_ limit: ReachedLimit, _ detail: String) -> Problem {
        var problem = Problem(.limitReached, detail)
        problem.limit = limit
        return problem
    }
}

/// Writes the fields of draft-ietf-httpapi-ratelimit-headers-11.
enum RateFields {
    /// A member of `RateLimit-Policy`: `"user_requests";q=500;w=10`.
    static func policy(_ policy: RatePolicy) -> String {
        let unit = policy.kind == .bytes ? #";qu="content-bytes""# : ""
        return "\"\(policy.name)\";q=\(policy.rate.count);w=\(policy.rate.seconds)\(unit)"
    }

    /// Appends a member of `RateLimit`: `"user_requests";r=499;t=1`.
    static func append(_ standing: RateStanding, to value: inout String) {
        value += value.isEmpty ? "\"" : ", \""
        value += standing.policy.name
        value += "\";r="
        value += String(standing.verdict.remaining)
        value += ";t="
        value += String(standing.verdict.reset)
    }

    /// Sets both fields for one rate.
    static func write(_ standing: RateStanding, to headers: inout HTTPFields) {
        var value = ""
        append(standing, to: &value)
        headers[.rateLimitPolicy] = policy(standing.policy)
        headers[.rateLimit] = value
    }
}
