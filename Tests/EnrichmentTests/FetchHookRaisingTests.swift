// Rollcall · EnrichmentTests

import PresenceModel
import TestSupport
import Testing

@testable import Enrichment

@Suite("The fetch hook with a query that raises, and with long rosters")
struct FetchHookRaisingTests {
    let room = topic("room")
    let hasty = FetchRule(field: "user", query: "$1", timeout: .milliseconds(50))

    @Test func `The other keys of a batch that raises get their data a little later, without another call`()
        async throws
    {
        let all = keys(0..<500)
        let fake = FakeSource(Dictionary(uniqueKeysWithValues: all.map { ($0.text, "1") }))
        fake.change { $0.poison = ["k17"] }
        try await RunningHook.with([hasty], fake.source) { running in
            let first = await running.hook.fetch(all, leaving: [], on: room)
            #expect(first.incomplete.contains(key("k17")))
            let late = first.incomplete.subtracting(keys("k17"))
            try await eventually("the data of the others is reported") { running.reported.isSuperset(of: late) }
            let known = running.hook.known(all, leaving: [], on: room)
            #expect(known?.incomplete == Set(keys("k17")) && known?.text("k499") == #","user":1"#)
            #expect(!running.reported.contains(key("k17")) && running.hook.faults.isEmpty)
            #expect(fake.questions.count(where: { $0.keys.count > 1 }) == 1)
        }
    }

    @Test func `A query that raises for every key runs at most three hundred times a second`() async throws {
        let all = keys(0..<5_000)
        let fake = FakeSource()
        fake.change { $0.poison = Set(all.map(\.text)) }
        try await RunningHook.with([hasty], fake.source) { running in
            let start = ContinuousClock.now
            let fields = await running.hook.fetch(all, leaving: [], on: room)
            #expect(fields.incomplete == Set(all))
            try await Task.sleep(for: .seconds(2))
            let asked = fake.questions.count
            #expect(asked > 4 && Double(asked) <= 300 * (start.duration(to: .now) / .seconds(1)) + 10)
            #expect(running.hook.faults.isEmpty && running.reported.isEmpty)
        }
    }

    @Test func `A roster of ten thousand keys is fetched in batches, each key once, and is then known`() async throws {
        let all = keys(0..<10_000)
        let fake = FakeSource(["k0": "1", "k9999": "2"])
        try await RunningHook.with([.sample], fake.source) { running in
            let fetched = await running.hook.fetch(all, leaving: keys("k0"), on: room)
            #expect(fetched.incomplete.isEmpty && fetched.text("k9999") == #","user":2"#)
            #expect(running.hook.known(all, leaving: keys("k0"), on: room) == fetched)
            #expect(fake.questions.allSatisfy { $0.keys.count <= FetchBatcher.maximumKeys })
            #expect(fake.questions.flatMap(\.keys).sorted() == all.map(\.text).sorted())
        }
    }
}
