// Rollcall · EnrichmentTests

import PresenceModel
import RandomInput
import TestSupport
import Testing

@testable import Enrichment

/// A rule, a database that answers early, late or not at all, and a feed that shows the data.
///
/// The feed fetches a key again only when it is reported, and shows an incomplete key until then.
private struct World {
    private var random: SplitMix
    private var rule: RuleUnderTest
    private let names = (0..<12).map { "k\($0)" }
    private var database: [String: String] = [:]
    /// Keys that make queries fail.
    private var raising: Set<Key> = []
    private var underway: [(query: RuleState.Query, early: [String: String])] = []
    private var waiting: [Int: [String]] = [:]
    /// What the feed shows, by key.
    private var view: [String: String] = [:]
    /// How many of the reports the feed has handled.
    private var handled = 0

    init(seed: UInt64) {
        random = SplitMix(seed: seed)
        // A small cache has room for all names, and for few more.
        rule = RuleUnderTest(cacheBytes: Bool.random(using: &random) ? FetchCache.standardBytes : 6_000)
    }

    mutating func run(steps: Int) {
        for _ in 0..<steps { step(mayFail: true) }
    }

    /// Lets the database work until no query and no timer is left.
    mutating func settle() throws {
        rule.state.invalidate(raising, at: rule.now)
        raising = []
        for _ in 0..<2_000 {
            if rule.state.fault != nil, let probe = rule.state.probe() { underway.append((probe, database)) }
            while !underway.isEmpty { finish(mayFail: false) }
            act()
            if underway.isEmpty, rule.state.fault == nil {
                guard let wake = rule.wake else { return }
                rule.pass(max(wake, .milliseconds(1)))
                act()
            }
        }
        throw NeverHappened(description: "rest")
    }

    mutating func check() {
        #expect(waiting.isEmpty)
        for (name, shown) in view { #expect(shown == database[name] ?? "-", "\(name)") }
    }

    private mutating func step(mayFail: Bool) {
        let name = names.randomElement(using: &random) ?? ""
        switch Int.random(in: 0..<14, using: &random) {
        case 0...2: want([name, names.randomElement(using: &random) ?? ""])
        case 3, 4:
            database[name] =
                Int.random(in: 0..<4, using: &random) == 0 ? nil : "\(Int.random(in: 0..<99, using: &random))"
            rule.state.invalidate([key(name)], at: rule.now)
        case 5 where Int.random(in: 0..<5, using: &random) == 0:
            // A notification is lost, and the loss is noticed.
            database[name] = "missed"
            rule.state.refetchAll()
        case 6...8: finish(mayFail: mayFail)
        case 9:
            if rule.known(name) != nil { show([name]) }
        case 10 where Int.random(in: 0..<3, using: &random) == 0:
            raising.formSymmetricDifference([key(name)])
            rule.state.invalidate([key(name)], at: rule.now)
        case 11:
            if rule.state.fault != nil, let probe = rule.state.probe() { underway.append((probe, database)) }
        default: rule.pass(.milliseconds(Int.random(in: 0..<40, using: &random)))
        }
        act()
    }

    private mutating func want(_ names: [String]) {
        let time = Int.random(in: 0..<3, using: &random) == 0 ? Duration.milliseconds(20) : nil
        if let waiter = rule.fetch(names.map(key), within: time) {
            waiting[waiter] = names
        } else {
            show(names)
        }
    }

    private mutating func show(_ names: [String]) {
        for name in names { view[name] = rule.shown(name) }
    }

    private mutating func finish(mayFail: Bool) {
        guard !underway.isEmpty else { return }
        let (query, early) = underway.remove(at: Int.random(in: 0..<underway.count, using: &random))
        if mayFail, Int.random(in: 0..<3, using: &random) == 0 {
            rule.fail(query)
        } else if !raising.isDisjoint(with: query.batch.keys) {
            rule.fail(query, raised)
        } else {
            rule.answer(query, Bool.random(using: &random) ? early : database)
        }
        act()
    }

    private mutating func act() {
        for query in rule.queries() {
            let asked = underway.flatMap(\.query.batch.keys)
            #expect(Set(asked).isDisjoint(with: query.batch.keys), "one query at a time for a key")
            underway.append((query, database))
        }
        for waiter in rule.settled { show(waiting.removeValue(forKey: waiter) ?? []) }
        while handled < rule.changed.count {
            let changed = rule.changed[handled].map(\.text).filter { view[$0] != nil }
            handled += 1
            if !changed.isEmpty { want(changed) }
        }
        if rule.wake == .zero, underway.isEmpty, rule.state.fault == nil { rule.pass(.milliseconds(1)) }
    }
}

@Suite("The state of a rule under random events")
struct RuleStatePropertyTests {
    @Test(
        arguments: 0..<200)
    func `A feed that follows the reports shows the same data as the database once that works, and each wait ends`(
        _ seed: UInt64
    ) throws {
        var world = World(seed: seed)
        world.run(steps: 400)
        try world.settle()
        world.check()
    }
}
