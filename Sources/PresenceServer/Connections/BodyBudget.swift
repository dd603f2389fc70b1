// Rollcall · PresenceServer

import HTTPTypes
import Metrics
import Synchronization

/// Bounds the bytes of request bodies that a node holds at once, over all connections.
///
/// A body counts from the end of its head until its answer is written: by its length, or as its chunks arrive. At the
/// bound a request gets 503. An eighth of the budget is for short bodies only, so that batches cannot keep heartbeats
/// out.
package final class BodyBudget: Sendable {
    /// A body up to this many bytes may use the whole budget.
    private static let short = 64 << 10

    private let limit: Int
    private let held = Atomic(0)
    private let gauge = Gauge(label: "rollcall_body_bytes")
    private let refused = Counter(label: "rollcall_bodies_refused_total", dimensions: [("reason", "budget")])
    private let late = Counter(label: "rollcall_bodies_refused_total", dimensions: [("reason", "timeout")])

    package init(limit: Int) { self.limit = limit }

    /// Reserves bytes for a body of `length` bytes so far; returns false if there is no room for them.
    func reserve(_ bytes: Int, of length: Int) -> Bool {
        guard bytes > 0 else { return true }
        let room = length <= Self.short ? limit : limit - limit / 8
        let total = held.add(bytes, ordering: .relaxed).newValue
        guard total <= room else {
            held.subtract(bytes, ordering: .relaxed)
            refused.increment()
            return false
        }
        gauge.record(total)
        return true
    }

    func release(_ bytes: Int) {
        guard bytes > 0 else { return }
        gauge.record(held.subtract(bytes, ordering: .relaxed).newValue)
    }

    /// Counts a body that took too long.
    func noteLate() { late.increment() }
}

/// The bytes of a ``BodyBudget`` that one connection has reserved; its owner must release all of them.
struct BodyReservation {
    let budget: BodyBudget
    private var bytes = 0

    init(of budget: BodyBudget) { self.budget = budget }

    /// Reserves bytes for a body of `length` bytes so far, and returns their number.
    ///
    /// - Throws: ``ProblemKind/nodeFull`` if there is no room for them.
    mutating func add(_ count: Int, of length: Int) throws(Problem) -> Int {
        guard budget.reserve(count, of: length) else {
            var problem = Problem(.nodeFull, "The node holds as many bytes of request bodies as it may; try again.")
            problem.headers[.retryAfter] = "1"
            throw problem
        }
        bytes += count
        return count
    }

    /// Releases all bytes beyond `kept`.
    mutating func shrink(to kept: Int) {
        guard bytes > kept else { return }
        budget.release(bytes - kept)
        bytes = kept
    }
}
