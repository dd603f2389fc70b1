// Rollcall · AccessTests

import RandomInput
import Testing

@testable import Access

@Suite("One rate")
struct RateLimiterTests {
    private let rate = Rate(5, in: 10)

    @Test func `a key may use the whole rate at once, and then a unit each time that one is back`() {
        var limiter = RateLimiter(rate, maximumKeys: 10)
        for left in [4, 3, 2, 1, 0] {
            #expect(limiter.verdict(for: 1, at: 100).isAllowed)
            limiter.add(1, to: 1, at: 100)
            #expect(limiter.verdict(for: 1, at: 100).remaining == left)
        }
        #expect(limiter.verdict(for: 1, at: 100) == RateVerdict(isAllowed: false, remaining: 0, reset: 2))
        #expect(limiter.verdict(for: 2, at: 100) == RateVerdict(isAllowed: true, remaining: 5, reset: 0))
        #expect(!limiter.verdict(for: 1, at: 101.9).isAllowed)
        #expect(limiter.verdict(for: 1, at: 102).isAllowed)
        #expect(limiter.verdict(for: 1, at: 104) == RateVerdict(isAllowed: true, remaining: 2, reset: 6))
        #expect(limiter.verdict(for: 1, at: 110) == RateVerdict(isAllowed: true, remaining: 5, reset: 0))
    }

    @Test func `a client that waits as long as it was asked to is allowed`() {
        for count in 1...50 {
            var limiter = RateLimiter(Rate(count, in: 7), maximumKeys: 10)
            var now = 0.1
            for _ in 0..<500 {
                let verdict = limiter.verdict(for: 1, at: now)
                if verdict.isAllowed { limiter.add(1, to: 1, at: now) } else { now += Double(verdict.reset) }
                if !verdict.isAllowed { #expect(limiter.verdict(for: 1, at: now).isAllowed) }
            }
        }
    }

    @Test func `a batch may use more than is left, and delays what follows by as much`() {
        var limiter = RateLimiter(rate, maximumKeys: 10)
        limiter.add(4, to: 1, at: 0)
        #expect(limiter.verdict(for: 1, at: 0).isAllowed)
        limiter.add(21, to: 1, at: 0)
        #expect(limiter.verdict(for: 1, at: 0) == RateVerdict(isAllowed: false, remaining: 0, reset: 42))
        #expect(!limiter.verdict(for: 1, at: 41).isAllowed && limiter.verdict(for: 1, at: 42).isAllowed)
    }

    @Test func `what a request has used does not count against its next step, and what others have used does`() {
        var limiter = RateLimiter(rate, maximumKeys: 10)
        limiter.add(5, to: 1, at: 0)
        #expect(!limiter.verdict(for: 1, at: 0).isAllowed)
        #expect(limiter.verdict(for: 1, at: 0, taken: 1).isAllowed)
        limiter.add(1, to: 1, at: 0)
        #expect(!limiter.verdict(for: 1, at: 0, taken: 1).isAllowed)
    }

    @Test func `a clock that goes back gives nothing back`() {
        var limiter = RateLimiter(rate, maximumKeys: 10)
        limiter.add(5, to: 1, at: 100)
        #expect(limiter.verdict(for: 1, at: 0) == RateVerdict(isAllowed: false, remaining: 0, reset: 2))
        limiter.add(1, to: 1, at: 50)
        #expect(!limiter.verdict(for: 1, at: 102).isAllowed && limiter.verdict(for: 1, at: 104).isAllowed)
    }

    @Test func `a flood of keys stays within the bound, and gives a busy key nothing back`() {
        var limiter = RateLimiter(rate, maximumKeys: 100)
        limiter.add(5, to: -1, at: 0)
        for key in 0..<20_000 {
            limiter.add(1, to: key, at: Double(key) * 0.000_01)
            #expect(limiter.keyCount <= 100)
            #expect(!limiter.verdict(for: -1, at: 0.2).isAllowed)
        }
    }

    @Test func `keys that have all units back go first`() {
        var limiter = RateLimiter(rate, maximumKeys: 100)
        for key in 0..<99 { limiter.add(1, to: key, at: 0) }
        limiter.add(2, to: 99, at: 0)
        limiter.add(1, to: 100, at: 3)
        #expect(limiter.keyCount == 2)
        #expect(limiter.verdict(for: 99, at: 3).remaining == 4)
    }

    @Test func `random histories are those of a simple model`() {
        let seed = SplitMix.freshSeed()
        var random = SplitMix(seed: seed)
        for _ in 0..<300 {
            let rate = Rate(1 + random.below(20), in: 1 + random.below(10))
            var limiter = RateLimiter(rate, maximumKeys: 1_000)
            // In milliseconds, and in parts of a unit of which `count` come back in each.
            var model: [Int: (used: Int, time: Int)] = [:]
            let unit = rate.seconds * 1_000
            var time = 10_000
            for _ in 0..<100 {
                time += random.below(3_000) - 300
                let (key, taken, units) = (random.below(3), random.below(2), random.below(30))
                let last = model[key] ?? (used: 0, time: time)
                let now = max(time, last.time)
                let used = max(0, last.used - (now - last.time) * rate.count)
                let left = rate.count * unit - used

                let verdict = limiter.verdict(for: key, at: Double(time) / 1_000, taken: taken)
                #expect(verdict.isAllowed == (left + taken * unit >= unit), "seed \(seed)")
                #expect(verdict.remaining == max(0, left / unit), "seed \(seed)")
                guard verdict.isAllowed, units > 0 else { continue }
                limiter.add(units, to: key, at: Double(time) / 1_000)
                model[key] = (used: used + units * unit, time: now)
            }
        }
    }
}
