// Rollcall · AccessTests

import PresenceModel
import Testing

@testable import Access

@Suite("All rates of a node")
struct RateLimitsTests {
    private func rates(_ user: String, address: String = "none") throws -> RateLimits {
        RateLimits([
            .user: try #require(CallerLimits(user, of: .user)),
            .address: try #require(CallerLimits(address, of: .address)),
        ])
    }

    private func alice() throws -> RateSubject { .user(try Key("alice")) }

    /// What is left of each rate that a cost concerns.
    private func left(_ cost: RateCost, of rates: RateLimits, by subject: RateSubject) -> [String: Int] {
        var left: [String: Int] = [:]
        rates.forEachStanding(of: cost, by: subject, at: 0) { left[$0.policy.name] = $0.verdict.remaining }
        return left
    }

    @Test func `a step uses all rates that concern it, or none of them`() throws {
        let (rates, alice) = (try rates("requests=5/10s,tracks=1/10s,bytes=none"), try alice())
        let write = RateCost(requests: 1, tracks: 1, bytes: 0)
        #expect(rates.take(write, by: alice, at: 0) == nil)
        #expect(left(write, of: rates, by: alice) == ["user_requests": 4, "user_tracks": 0])
        let refused = try #require(rates.take(write, by: alice, at: 0))
        #expect(refused.map(\.policy.name) == ["user_requests", "user_tracks"])
        #expect(refused.map(\.verdict.isAllowed) == [true, false])
        #expect(rates.take(RateCost(requests: 1), by: alice, at: 0) == nil)
        #expect(left(RateCost(requests: 1), of: rates, by: alice) == ["user_requests": 3])
    }

    @Test func `a check uses nothing, and a cost of nothing is refused at a rate that is used up`() throws {
        let (rates, alice) = (try rates("requests=none,tracks=none,bytes=100/10s"), try alice())
        for _ in 0..<3 { #expect(rates.take(RateCost(bytes: 0), by: alice, at: 0, counts: false) == nil) }
        rates.add(RateCost(bytes: 250), by: alice, at: 0)
        #expect(left(RateCost(bytes: 0), of: rates, by: alice) == ["user_bytes": 0])
        #expect(rates.take(RateCost(bytes: 0), by: alice, at: 0) != nil)
        #expect(rates.take(RateCost(bytes: 0), by: alice, at: 15.1) == nil)
    }

    @Test func `of two large batches at one moment the second is refused`() throws {
        let (rates, alice) = (try rates("requests=50/10s,tracks=none,bytes=none"), try alice())
        for _ in 0..<2 { #expect(rates.take(RateCost(requests: 1), by: alice, at: 0) == nil) }
        let batch = RateCost(requests: 499)
        #expect(rates.take(batch, by: alice, at: 0, taken: RateCost(requests: 1)) == nil)
        let second = try #require(rates.take(batch, by: alice, at: 0, taken: RateCost(requests: 1)))
        #expect(second[0].verdict.reset == 91)
    }

    @Test func `callers do not share rates, and a kind without rates has no policies`() throws {
        let (rates, alice) = (try rates("requests=1/10s,tracks=none,bytes=none", address: "none"), try alice())
        #expect(rates.take(RateCost(requests: 1), by: alice, at: 0) == nil)
        #expect(rates.take(RateCost(requests: 1), by: alice, at: 0) != nil)
        #expect(rates.take(RateCost(requests: 1), by: .user(try Key("bob")), at: 0) == nil)
        let address = RateSubject.address(try #require(ClientAddress("203.0.113.7")))
        for _ in 0..<3 { #expect(rates.take(RateCost(requests: 1), by: address, at: 0) == nil) }
        #expect(rates.policies(of: .address).isEmpty && rates.policies(of: .apiKey).isEmpty)
    }

    @Test func `a stock counts what is open`() {
        var stock = Stock<String>()
        stock.add(to: "a")
        stock.add(3, to: "a")
        stock.remove(2, from: "a")
        #expect(stock["a"] == 2 && stock["b"] == 0)
        stock.remove(2, from: "a")
        #expect(stock["a"] == 0)
    }
}
