// Rollcall · PresenceServerTests

import HTTPTypes
import Logging
import NIOCore
import NIOEmbedded
import PresenceModel
import PresenceStore
import TestSupport
import Testing

@testable import PresenceServer

@Suite("Large answers and the budget of a node")
struct AnswerGateTests {
    private let budget = QueueBudget(
        maximumStreamQueueBytes: 1 << 20, slowReaderAge: .minutes(10), roomWait: .milliseconds(300),
        logger: Logger(label: "test"))

    private func isRefused(_ answer: Answer) throws -> Bool {
        try answer.status == 503 && answer.json["type"]?.string == "/problems/node-full"
            && answer.header("Retry-After") == "1"
    }

    /// Tracks presences on the topics `large` and `small`, and one more key with as many sessions.
    private func fill(_ server: TestServer) async throws {
        let large = try Topic("large")
        let keys = try (0..<400).map { TrackItem(member: try Member(key: Key("user\($0)"), session: Session("s"))) }
        let meta = Meta(stored: Array(#"{"x":"\#(String(repeating: "x", count: 200))"}"#.utf8))
        let tabs = try (0..<400).map {
            TrackItem(member: try Member(key: Key("tabs"), session: Session("tab\($0)")), meta: meta)
        }
        for items in [keys, tabs] { _ = try await server.store.track(items, on: large, mode: .put) }
        _ = try await server.store.track(Array(keys.prefix(1)), on: Topic("small"), mode: .put)
    }

    @Test func `at most eight large topics are read at once, and small ones do not wait`() async throws {
        try await withServer(queueBudget: budget) { server in
            try await fill(server)
            for _ in 0..<QueueBudget.maximumReadings { #expect(budget.beginReading()) }
            let list = "/v1/topics/large/presences"
            #expect(try isRefused(await server.send(.get, list)))
            #expect(try isRefused(await server.send(.get, list + "?limit=2")), "a page costs a reading of its topic")
            for path in ["/v1/topics/small/presences", list + "?view=count", list + "/tabs"] {
                #expect(try await server.send(.get, path).status == 200, "\(path)")
            }
            budget.endReading()
            // Each request ends its reading.
            for _ in 0..<10 { #expect(try await server.send(.get, list).status == 200) }
            #expect(budget.beginReading() && !budget.beginReading())
        }
    }

    @Test func `a list waits for a reading to end`() async throws {
        let budget = QueueBudget(
            maximumStreamQueueBytes: 1 << 20, slowReaderAge: .minutes(10), roomWait: .seconds(20) * patience,
            logger: Logger(label: "test"))
        try await withServer(queueBudget: budget) { server in
            try await fill(server)
            for _ in 0..<QueueBudget.maximumReadings { #expect(budget.beginReading()) }
            async let waiting = server.send(.get, "/v1/topics/large/presences")
            budget.endReading()
            #expect(try await waiting.status == 200)
        }
    }

    @Test func `no read gets a large answer while the budget is full`() async throws {
        try await withServer(queueBudget: budget) { server in
            try await fill(server)
            let name = String(repeating: "t", count: 240)
            let item = TrackItem(member: try Member(key: Key("alice"), session: Session("s")))
            for number in 0..<300 {
                _ = try await server.store.track([item], on: Topic("\(name)\(number)"), mode: .put)
            }
            let paths = ["/v1/topics/large/presences", "/v1/topics/large/presences/tabs", "/v1/topics"]
            for path in paths { #expect(try await server.send(.get, path).status == 200, "\(path)") }
            let channel = NIOAsyncTestingChannel()
            var held: CountedFrame? = budget.hold(ByteBuffer(repeating: 0, count: 1 << 20), for: .answer(on: channel))
            #expect(budget.isFull && held != nil)
            for path in paths { #expect(try isRefused(await server.send(.get, path)), "\(path)") }
            for path in ["/v1/topics?limit=2", "/v1/topics/large/presences/user1"] {
                #expect(try await server.send(.get, path).status == 200, "\(path)")
            }
            held = nil
            for path in paths { #expect(try await server.send(.get, path).status == 200, "\(path)") }
        }
    }

    @Test func `a write gets its large answer even if the budget is full`() async throws {
        try await withServer(queueBudget: budget) { server in
            let channel = NIOAsyncTestingChannel()
            let held = budget.hold(ByteBuffer(repeating: 0, count: 4 << 20), for: .answer(on: channel))
            let operations = (0..<500).map { #"{"op":"put","topic":"t","key":"user\#($0)","session":"s"}"# }
            let answer = try await server.send(
                .post, "/v1/batch", #"{"operations":[\#(operations.joined(separator: ","))]}"#)
            #expect(answer.status == 200 && answer.bytes.count > AnswerGate.small)
            #expect(try answer.json["results"]?.array?.count == 500)
            #expect(budget.isFull)
            held.finish()
        }
    }
}
