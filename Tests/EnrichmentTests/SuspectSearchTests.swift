// Rollcall · EnrichmentTests

import Presence
import RandomInput
import TestSupport
import Testing

@testable import Enrichment

@Suite("Looking for keys whose data makes queries fail")
struct SuspectSearchTests {
    var search = SuspectSearch()
    var now = ContinuousClock.now

    /// Plays the plan against a database on which these keys raise, until nothing is left to ask.
    mutating func play(raising: Set<Key>) -> (answered: [Key], found: [Key], queries: Int) {
        var (answered, found, queries): ([Key], [Key], Int) = ([], [], 0)
        while let due = search.nextDue ?? (search.count > 0 ? now : nil) {
            now = max(now, due)
            guard let group = search.next(at: now) else { break }
            queries += 1
            let isRaising = !raising.isDisjoint(with: group.keys)
            if !isRaising { answered += group.keys } else if group.keys.count == 1 { found += group.keys }
            search.end(group, isRaising ? .raised : .answered)
        }
        return (answered, found, queries)
    }

    @Test(arguments: [2, 20, 500])
    mutating func `One key at fault is found, and all others are answered, in few queries`(_ count: Int) {
        let batch = keys(0..<count)
        for place in stride(from: 0, to: count, by: 7) {
            search = SuspectSearch()
            search.add(FetchBatch(topic: nil, keys: batch))
            let (answered, found, queries) = play(raising: [batch[place]])
            #expect(found == [batch[place]] && answered.count == count - 1)
            #expect(queries <= 16)
        }
    }

    @Test(arguments: 0..<50)
    mutating func `Every key is answered or found, whichever raise, and each of those costs few queries`(_ seed: UInt64)
    {
        var random = SplitMix(seed: seed)
        var (all, raising): ([Key], Set<Key>) = ([], [])
        for batch in 0..<Int.random(in: 1...5, using: &random) {
            let keys = keys(batch * 500..<batch * 500 + Int.random(in: 2...500, using: &random))
            let odds = Int.random(in: 1...40, using: &random)
            raising.formUnion(keys.filter { _ in Int.random(in: 0..<odds, using: &random) == 0 })
            all += keys
            search.add(FetchBatch(topic: batch == 3 ? topic("room") : nil, keys: keys))
        }
        let (answered, found, queries) = play(raising: raising)
        #expect(Set(found) == raising && (answered + found).sorted() == all.sorted())
        #expect(queries <= min(2 * all.count, 40 + 10 * raising.count))
    }

    @Test
    mutating func `Where most keys raise each costs little more than one query, in whatever order they come`() {
        let (good, bad) = (keys(0..<200), keys(200..<500))
        for batch in [good + bad, bad + good, (good + bad).shuffled()] {
            search = SuspectSearch()
            search.add(FetchBatch(topic: nil, keys: batch))
            let (answered, found, queries) = play(raising: Set(bad))
            #expect(answered.count == 200 && found.count == 300 && queries < 750)
        }
    }

    @Test
    mutating func `What raised before is asked for when nobody else is, and at one go when all is well again`() throws {
        search.add(FetchBatch(topic: nil, keys: keys(0..<500)))
        _ = play(raising: Set(keys(0..<500)))
        for key in keys(0..<300) { search.add(FetchSlot(key: key, topic: nil)) }
        search.add(FetchBatch(topic: nil, keys: keys("new", "newer")))
        now += SuspectSearch.pause
        let next = search.next(at: now)
        let first = try #require(next)
        #expect(first.keys == keys("new"))
        search.end(first, .answered)
        let (answered, found, queries) = play(raising: [])
        #expect(found.isEmpty && answered.count == 301 && queries < 12)
    }

    @Test
    mutating func `One group at a time, of one topic, and not without a pause`() throws {
        search.add(FetchBatch(topic: topic("one"), keys: keys("a", "b")))
        search.add(FetchBatch(topic: topic("two"), keys: keys("a", "b")))
        let next = search.next(at: now)
        let first = try #require(next)
        now += SuspectSearch.pause
        let second = search.next(at: now)
        #expect(first.keys == keys("a") && second == nil && search.nextDue == nil)
        now -= .milliseconds(1)
        search.end(first, .answered)
        let early = search.next(at: now)
        #expect(early == nil && search.nextDue == now + .milliseconds(1))
        now += .milliseconds(1)
        let late = search.next(at: now)
        #expect(late == FetchBatch(topic: topic("one"), keys: keys("b")))
    }

    @Test
    mutating func `A group whose query fails for another reason is gone, and what is given up is too`() throws {
        search.add(FetchBatch(topic: nil, keys: keys(0..<10)))
        search.add(FetchSlot(key: key("raiser"), topic: nil))
        let next = search.next(at: now)
        search.end(try #require(next), .failed)
        #expect(search.count == 6)
        let given = [search.giveUp(), search.giveUp(), search.giveUp()]
        #expect(given.map(\.count) == [5, 1, 0] && search.count == 0)
    }
}
