// Rollcall · FaultTests

import Foundation
import LocalServices
import TestSupport
import Testing

/// All presences come back at once.
///
/// 500 presences have streams, as many as one test process opens in a few seconds. Backends track 49,500 in batches,
/// each after a 404 for a heartbeat. Their earlier presences do not matter, because nodes keep nothing of them.
@Suite("A herd after Redis was wiped")
struct HerdTests {
    @Test func `When Redis restarts empty, 50,000 presences are back within seconds, and no renewed presence leaves`()
        async throws
    {
        // Redis is away for less than the period of a heartbeat, so that no lease ends.
        try await FaultCluster.with(settings: ["ROLLCALL_DEFAULT_TTL": "60"]) { cluster in
            let (redis, clients) = (cluster.redis, cluster.clients)
            let batches = (0..<Herd.batches).map(Herd.Batch.init)
            let streams = try await Herd.open(at: clients)
            #expect(try await Herd.count(in: redis) == Herd.streams)

            await redis.kill()
            try await redis.restart()
            let start = ContinuousClock.now
            // One at a time for each node: more would measure how the cores are shared.
            async let returns = batches.map(width: clients.count) { batch in
                try await batch.comeBack(clients[batch.number % clients.count])
            }
            var nodesTook: Duration?
            try await eventually("all presences", timeout: .seconds(60)) {
                try await Task.sleep(for: .milliseconds(100))
                let bound = try await Herd.count(in: redis, kind: "streams")
                if nodesTook == nil, bound >= Herd.streams * 99 / 100 { nodesTook = .now - start }
                return try await Herd.count(in: redis) == Herd.presences
            }
            let took = ContinuousClock.now - start
            var busy = 0.0
            for kind in ["user", "sys"] {
                let seconds = try await redis.info("used_cpu_\(kind)_main_thread").flatMap(Double.init)
                busy += try #require(seconds)
            }
            let latencies = try await returns.sorted()
            let share = busy / (took / .seconds(1))

            // Only presences that no client renews leave, when the lease that nodes gave them is over.
            try await eventually("the ends of the forgotten", timeout: .seconds(60)) {
                streams.allSatisfy { stream in stream.events.contains { $0.data.contains(#""expired""#) } }
            }
            for stream in streams {
                let leaves = try Watcher(name: "a stream") { stream.events }.leaves()
                try #require(leaves.map(\.key) == ["forgotten"])
                try #require(stream.end == nil)
            }
            print(
                """
                Herd: 99 % of \(Herd.streams) presences of streams back after \(nodesTook ?? .zero); all \
                \(Herd.presences) after \(took), batches of \(Herd.batchSize) answered in \(latencies.last ?? .zero) at \
                most, Redis at \(Int(share * 100)) % of its core
                """)
            // Idle cores take 2 to 3 s for the first and 0.1 s for the second; the bounds find a hang, not a slow
            // machine.
            let last = try #require(nodesTook)
            #expect(last < .seconds(15) * patience)
            #expect(latencies[latencies.count * 99 / 100] < .seconds(15) * patience)
            #expect(share < 0.8)
            for stream in streams { await stream.close() }
        }
    }
}

/// The presences of the test above, and how they come back.
private enum Herd {
    static let streams = 500
    static let topics = 25
    static let batches = 99
    static let batchSize = 500
    static let presences = streams + batches * batchSize

    /// 500 presences on 5 topics, as a backend keeps them.
    struct Batch: Sendable {
        let number: Int

        /// Gets 404 for its heartbeats and tracks its presences; returns how long that took since Redis answered.
        func comeBack(_ client: RollcallClient) async throws -> Duration {
            var start = ContinuousClock.now
            try await eventually("an answer", timeout: .seconds(20)) {
                start = .now
                return try await count(client, "heartbeat", status: 404) == Herd.batchSize
            }
            try #require(try await count(client, "put", status: 201) == Herd.batchSize)
            return .now - start
        }

        /// Sends one operation for each presence; returns how many get that status.
        private func count(_ client: RollcallClient, _ operation: String, status: Int) async throws -> Int {
            let operations = (0..<Herd.batchSize).map { index in
                """
                {"op":"\(operation)","topic":"herd:backends\(number * 5 + index / 100)","key":"user\(index)",\
                "session":"s"}
                """
            }
            let body = #"{"operations":[\#(operations.joined(separator: ","))]}"#
            let answer = try await client.post("/v1/batch", body)
            // Cheaper than to parse it all.
            return answer.status == 200 ? answer.text.components(separatedBy: #"{"status":\#(status),"#).count - 1 : 0
        }
    }

    /// Opens streams on some topics, each with one more presence that no client renews.
    static func open(at clients: [RollcallClient]) async throws -> [SSEClient] {
        let forgotten = (0..<topics).map {
            #"{"op":"put","topic":"herd:streams\#($0)","key":"forgotten","session":"s","ttl":30}"#
        }
        let answer = try await clients[0].post("/v1/batch", #"{"operations":[\#(forgotten.joined(separator: ","))]}"#)
        try #require(answer.status == 200)
        return try await Array(0..<streams).map(width: 32) { number in
            let path = RollcallClient.path(topic: "herd:streams\(number % topics)", "events")
            let stream = try await clients[number % clients.count].events(path + "?key=tab\(number)&session=s")
            _ = try await stream.next("presence_state", timeout: .seconds(20))
            return stream
        }
    }

    /// How many presences Redis has, on topics of that kind, without the forgotten.
    static func count(in redis: LocalRedis, kind: String = "") async throws -> Int {
        let sum = """
            local n = 0
            for _, key in ipairs(redis.call('KEYS', 'rc:*:h:herd:\(kind)*')) do
                n = n + redis.call('HLEN', key) - redis.call('HEXISTS', key, 'forgotten\\31s')
            end
            return n
            """
        return Int(try await redis.command("EVAL", sum, "0")) ?? 0
    }
}

extension Collection where Element: Sendable, Self: Sendable {
    /// Transforms each element, at most `width` at a time; the results are in order of completion.
    fileprivate func map<Value: Sendable>(
        width: Int, _ transform: @escaping @Sendable (Element) async throws -> Value
    ) async throws -> [Value] {
        try await withThrowingTaskGroup(of: Value.self) { group in
            var values: [Value] = []
            for (number, element) in enumerated() {
                if number >= width, let value = try await group.next() { values.append(value) }
                group.addTask { try await transform(element) }
            }
            for try await value in group { values.append(value) }
            return values
        }
    }
}
