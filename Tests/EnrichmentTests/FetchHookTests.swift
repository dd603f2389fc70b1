// Rollcall · EnrichmentTests

import JSONText
import Logging
import Postgres
import PresenceModel
import TestSupport
import Testing

@testable import Enrichment

@Suite("The fetch hook")
struct FetchHookTests {
    let room = topic("room")

    @Test func `A hook that has stopped ends open and later waits`() async throws {
        let source = FakeSource(["a": "1"])
        source.change { $0.delay = .milliseconds(200) }
        let hook = FetchHook(
            rules: [.sample], source: source.source, isValidated: true, logger: Recorder<String>().logger(from: .info)
        ) { _ in }
        let running = Task { try await hook.run() }
        let waiting = Task { await hook.fetch(keys("a"), leaving: [], on: topic("room")) }
        try await eventually("the query") { !source.questions.isEmpty }
        running.cancel()
        try await running.value
        _ = await waiting.value
        let start = ContinuousClock.now
        _ = await hook.fetch(keys("b"), leaving: [], on: topic("room"))
        #expect(ContinuousClock.now - start < .seconds(5) * patience)
        #expect(source.questions.count == 1)
    }

    @Test func `A key is unknown until it is fetched, and then known without another query`() async throws {
        let fake = FakeSource(["alice": #"{"name": "Alice"}"#])
        try await RunningHook.with([.sample], fake.source) { running in
            let hook = running.hook
            #expect(hook.known(keys("alice"), leaving: [], on: room) == nil)
            let fetched = await hook.fetch(keys("alice", "bob"), leaving: [], on: room)
            #expect(fetched.text("alice") == #","user":{"name":"Alice"}"# && fetched.text("bob") == nil)
            #expect(fetched.incomplete.isEmpty)
            #expect(hook.known(keys("bob", "alice"), leaving: [], on: topic("elsewhere")) == fetched)
            #expect(fake.questions.map(\.keys) == [["alice", "bob"]] && running.reported.isEmpty)
        }
    }

    @Test func `Many callers that want the same keys at once cause at most two queries`()
        async throws
    {
        let fake = FakeSource(["a": "1", "b": "2"])
        fake.change { $0.delay = .milliseconds(50) }
        try await RunningHook.with([.sample], fake.source) { running in
            try await withThrowingTaskGroup { group in
                for number in 0..<200 {
                    group.addTask {
                        let name = number % 2 == 0 ? "a" : "b"
                        let shown = await running.shown(name, on: topic("room \(number)"))
                        #expect(shown == #","user":\#(number % 2 + 1)"#)
                    }
                }
                try await group.waitForAll()
            }
            #expect(fake.questions.count <= 2)
            #expect(fake.questions.flatMap(\.keys).sorted() == ["a", "b"])
        }
    }

    @Test
    func `A caller waits at most the time-out and the window, and data that comes later is reported`()
        async throws
    {
        let fake = FakeSource(["a": "1"])
        fake.change { $0.isHung = true }
        let rule = FetchRule(field: "user", query: "$1", timeout: .milliseconds(50))
        try await RunningHook.with([rule], fake.source) { running in
            let shown = await running.shown("a")
            #expect(shown == #","enriched":false"# && running.reported.isEmpty)
            fake.change { $0.isHung = false }
            try await eventually("the data is reported") { running.reported == Set(keys("a")) }
            #expect(running.hook.known(keys("a"), leaving: [], on: room)?.text("a") == #","user":1"#)
            #expect(fake.questions.count == 1)
        }
    }

    @Test func `A caller waits at most until its deadline, and data that comes later is reported`()
        async throws
    {
        let fake = FakeSource(["a": "1"])
        fake.change { $0.isHung = true }
        try await RunningHook.with([FetchRule(field: "user", query: "$1", timeout: .seconds(3600))], fake.source) {
            running in
            let shown = await running.hook.fetch(keys("a"), leaving: [], on: room, by: .now + .milliseconds(50))
            #expect(shown.text("a") == #","enriched":false"#)
            fake.change { $0.isHung = false }
            try await eventually("the data is reported") { running.reported == Set(keys("a")) }
        }
    }

    @Test func `Fields stand in the order of their rules, and a slow rule does not hold back the others`() async throws
    {
        let fake = FakeSource(["a": "1"])
        let slow = FetchRule(
            topics: TopicPattern("room*")!, field: "slow", query: "$1 slow", timeout: .milliseconds(50))
        let source = FetchSource { (sql, parameters, timeout) throws(PostgresError) in
            if sql == slow.query {
                try? await Task.sleep(for: timeout)
                throw PostgresError(.timedOut, "it took too long")
            }
            return try await fake.source.query(sql, parameters, timeout)
        } validate: { _ in
        }
        let second = FetchRule(field: "user", query: "$1 never")
        let last = FetchRule(field: "more", query: "$1 more", timeout: .seconds(10))
        try await RunningHook.with([slow, .sample, second, last], source) { running in
            let (here, there) = (await running.shown("a"), await running.shown("a", on: topic("elsewhere")))
            #expect(here == #","user":1,"more":1,"enriched":false"#)
            #expect(there == #","user":1,"more":1"#)
            #expect(
                Set(fake.questions.map(\.sql)) == [FetchRule.sample.query, last.query], "the first rule of a field")
        }
    }

    @Test func `A hook adds nothing and queries nothing on a topic without a rule`() async throws {
        let rule = FetchRule(topics: TopicPattern("room:*")!, field: "user", query: "$1")
        let fake = FakeSource(["a": "1"])
        try await RunningHook.with([rule], fake.source) { running in
            #expect(running.hook.applies(to: topic("room:1")) && !running.hook.applies(to: topic("doc:1")))
            #expect(running.hook.known(keys("a"), leaving: [], on: topic("doc:1")) == EnrichmentFields.none)
            let shown = await running.shown("a", on: topic("doc:1"))
            #expect(shown == nil && fake.questions.isEmpty)
        }
    }

    @Test func `A hook without rules runs until it is cancelled`() async throws {
        let ended = Recorder<Bool>()
        let hook = FetchHook(rules: [], source: FakeSource().source, logger: Recorder<String>().logger(from: .info)) {
            _ in
        }
        let run = Task {
            try await hook.run()
            ended.record(true)
        }
        try await Task.sleep(for: .milliseconds(100))
        #expect(ended.all.isEmpty && !hook.applies(to: room))
        run.cancel()
        _ = await run.result
    }

    @Test func `Leaving keys get only cached data, and are never marked incomplete`() async throws {
        let fake = FakeSource(["a": "1", "b": "2"])
        try await RunningHook.with([.sample], fake.source) { running in
            let hook = running.hook
            #expect(hook.known([], leaving: keys("b"), on: room) == EnrichmentFields.none)
            _ = await running.shown("a")
            let known = hook.known(keys("a"), leaving: keys("a", "b"), on: room)
            #expect(known?.text("a") == #","user":1"# && known?.text("b") == nil && known?.incomplete.isEmpty == true)
            #expect(fake.questions.count == 1)
        }
    }

    @Test func `An outage is a fault and one log line; its end is another line, and incomplete keys are then reported`()
        async throws
    {
        let fake = FakeSource(["a": "1", "b": "2", "c": "3", "d": "4"])
        fake.change { $0.error = PostgresError(.unavailable, "no connection to PostgreSQL") }
        try await RunningHook.with([.sample], fake.source) { running in
            for name in ["a", "b", "c", "d"] {
                let shown = await running.shown(name)
                #expect(shown == #","enriched":false"#)
            }
            #expect(running.hook.faults == ["user: no connection to PostgreSQL"])
            let asked = fake.questions.count
            let shown = await running.shown("e")
            #expect(shown == #","enriched":false"#)
            try await eventually("probes") { fake.questions.count >= asked + 2 }
            fake.change { $0.error = nil }
            try await eventually("all keys are reported") { running.reported == Set(keys("a", "b", "c", "d", "e")) }
            #expect(running.hook.faults.isEmpty)
            #expect(running.hook.known(keys("d", "e"), leaving: [], on: room)?.text("d") == #","user":4"#)
            #expect(running.log.all.count == 2)
            #expect(running.log.all.first?.hasPrefix("warning enrichment: rule fails") == true)
            #expect(running.log.all.last?.hasPrefix("info enrichment: rule works") == true)
        }
    }

    @Test func `A rule runs no query before the database has accepted it`() async throws {
        let fake = FakeSource(["a": "1"])
        fake.change { $0.refusal = FetchRuleError(.query, "has 1 column") }
        try await RunningHook.with([.sample], fake.source, isValidated: false) { running in
            let shown = await running.shown("a")
            #expect(shown == #","enriched":false"#)
            try await eventually("the refusal") { running.hook.faults == ["user: has 1 column"] }
            #expect(fake.questions.isEmpty)
            fake.change { $0.refusal = nil }
            try await eventually("the data is reported") { running.reported == Set(keys("a")) }
            #expect(running.hook.faults.isEmpty && running.log.all.count == 2)
        }
    }

    @Test func `If a query raises for one key, only that key is incomplete`() async throws {
        let names = (0..<40).map { "k\($0)" }
        let fake = FakeSource(Dictionary(uniqueKeysWithValues: names.map { ($0, "1") }))
        fake.change { $0.poison = ["k17"] }
        try await RunningHook.with([.sample], fake.source) { running in
            let fields = await running.hook.fetch(names.map(key), leaving: [], on: room)
            #expect(fields.incomplete == Set(keys("k17")) && fields.text("k3") == #","user":1"#)
            #expect(running.hook.faults.isEmpty && fake.questions.count <= 1 + names.count)
        }
    }

    @Test func `A query that returns only one column while the node runs is a failure`() async throws {
        let source = FetchSource { _, _, _ in
            PostgresRows(columns: ["k"], rows: [[bytes("a")]])
        } validate: { _ in
        }
        try await RunningHook.with([.sample], source) { running in
            for name in ["a", "b", "c"] {
                let shown = await running.shown(name)
                #expect(shown == #","enriched":false"#)
            }
            #expect(running.hook.faults == ["user: the query has 1 column, needs two: the key and its data"])
        }
    }

    @Test func `A value is compacted, or refused if it is not JSON or too long, and rows of other keys are ignored`()
        async throws
    {
        let long = #""\#(String(repeating: "x", count: FetchOutcome.maximumValueBytes))""#
        let rows = [
            ("lines", "{\r\n \"a\" :\n[ 1.0 , 1e400 ]\n}"), ("broken", "{\"a\":"), ("long", long), ("twice", "1"),
            ("stranger", "1"), ("null", "null"), ("twice", "2"), ("\u{0}", "1"),
        ]
        let source = FetchSource { _, _, _ in
            PostgresRows(columns: ["k", "v"], rows: rows.map { [bytes($0), bytes($1)] } + [[nil, bytes("1")]])
        } validate: { _ in
        }
        try await RunningHook.with([.sample], source) { running in
            let asked = keys("lines", "broken", "long", "twice", "null", "absent")
            let fields = await running.hook.fetch(asked, leaving: [], on: room)
            #expect(fields.text("lines") == #","user":{"a":[1.0,1e400]}"# && fields.text("twice") == #","user":2"#)
            #expect(fields.text("null") == #","user":null"# && fields.text("absent") == nil)
            #expect(fields.incomplete == Set(keys("broken", "long")) && fields.text("stranger") == nil)
        }
    }

    @Test func `A caller that is cancelled stops waiting at once`() async throws {
        let fake = FakeSource()
        fake.change { $0.isHung = true }
        let rule = FetchRule(field: "user", query: "$1", timeout: .seconds(3600))
        try await RunningHook.with([rule], fake.source) { running in
            let task = Task { await running.shown("a") }
            try await eventually { !fake.questions.isEmpty }
            task.cancel()
            let shown = await task.value
            #expect(shown == #","enriched":false"#)
            fake.change { $0.isHung = false }
        }
    }
}
