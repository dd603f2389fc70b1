// Rollcall · FaultTests

import LocalServices
import TestSupport
import Testing

/// Faults of a Redis that keeps its data.
@Suite("A Redis with faults")
struct RedisFaultTests {
    @Test func `Scripts that are flushed under load cause no refusal and no leave`() async throws {
        try await FaultCluster.with(settings: ["ROLLCALL_DEFAULT_TTL": "15"]) { cluster in
            let tabs = try await cluster.streamClients(4)
            let backends = try await cluster.requestClients(4, ttl: 15)
            let restless = cluster.restlessWatcher()
            let load = GuestLoad(topic: cluster.topic, clients: cluster.clients)
            while load.count < 400 { try await cluster.sendToRedis("SCRIPT", "FLUSH") }
            await load.end()
            #expect(load.refusals == [])
            try await cluster.expectOneTruth(and: [restless.watcher])
            try cluster.expectNeverGone(tabs.map(\.key) + backends.map(\.key), and: [restless.watcher])
            #expect(backends.allSatisfy { $0.tracks <= 1 } && cluster.watchersAreOpen)
            await cluster.end(tabs, backends, restless)
        }
    }

    @Test func `While a script runs longer than a ttl, writes get 503, connections are kept, and no presence leaves`()
        async throws
    {
        try await FaultCluster.with(redis: ["--busy-reply-threshold", "500"]) { cluster in
            let tabs = try await cluster.streamClients(4)
            let backends = try await cluster.requestClients(4)
            let restless = cluster.restlessWatcher()
            let outages = cluster.outages
            let connections = try await cluster.redisInfo("total_connections_received")
            let end = ContinuousClock.now + .seconds(7.5)
            let script = Task { try? await cluster.sendToRedis("EVAL", "while true do end", "0") }
            try await eventually("a busy Redis") {
                do {
                    try await cluster.sendToRedis("GET", "anything")
                    return false
                } catch {
                    return "\(error)".contains("BUSY")
                }
            }
            try await cluster.expectRefusedWrites()
            try await cluster.expectStaleLists()
            // This stream makes a node use its connection for messages.
            let other = try await cluster.clients[0].events(RollcallClient.path(topic: "another", "events"))
            try await ContinuousClock().sleep(until: end)  // because the length of the stall is what is tested
            try await cluster.sendToRedis("SCRIPT", "KILL")
            _ = await script.value

            _ = try await other.next("presence_state")
            try await cluster.expectOneTruth(and: [restless.watcher])
            try cluster.expectNeverGone(tabs.map(\.key) + backends.map(\.key), and: [restless.watcher])
            #expect(cluster.watchersAreOpen && tabs.allSatisfy { $0.connections == 1 })
            #expect(zip(outages, cluster.outages).allSatisfy { $1 <= $0 + 1 })
            let losses = cluster.nodes.map(\.log).joined(separator: "\n").split(separator: "\n")
                .filter { $0.contains("redis: connection lost") && $0.contains("BUSY") }
            #expect(losses == [])
            // The test's own connections above, and a few attempts a second of one node's subscriber.
            #expect(try await cluster.redisInfo("total_connections_received") - connections < 80)
            await other.close()
            await cluster.end(tabs, backends, restless)
        }
    }

    @Test func `A Redis that restarts and loads for seconds causes one outage, and only a dead presence leaves`()
        async throws
    {
        let slowly = ["--appendonly", "yes", "--key-load-delay", "500"]
        try await FaultCluster.with(redis: slowly) { cluster in
            let tabs = try await cluster.streamClients(4)
            let backends = try await cluster.requestClients(4)
            let mortal = try await cluster.mortalBackend()
            let restless = cluster.restlessWatcher()
            try await cluster.sendToRedis("EVAL", "for i = 1, 5000 do redis.call('SET', 'filler' .. i, i) end", "0")
            await mortal.die()
            let outages = cluster.outages
            await cluster.redis.kill()
            async let restart: Void = cluster.redis.restart()
            try await eventually("a Redis that loads") {
                do {
                    try await cluster.sendToRedis("GET", "anything")
                    return false
                } catch {
                    return "\(error)".contains("LOADING")
                }
            }
            try await cluster.expectRefusedWrites()
            try await cluster.expectStaleLists()
            try await cluster.expectReadiness(503)
            try await restart

            try await cluster.expectOneTruth(and: [restless.watcher])
            try await cluster.expectOneOutage(since: outages)
            // A ttl, the hold of 10 s, and a tick.
            try await cluster.expectLeaves(of: [mortal.key], because: "expired", within: .seconds(18))
            try await cluster.expectOneTruth(and: [restless.watcher])
            try cluster.expectNeverGone(tabs.map(\.key) + backends.map(\.key), and: [restless.watcher])
            #expect(cluster.watchersAreOpen && backends.allSatisfy { $0.tracks <= 1 })
            #expect(try await cluster.redisInfo("total_connections_received") < 100)
            await cluster.end(tabs, backends, restless)
        }
    }

    enum Hang: CaseIterable {
        case stopped, sleeping
    }

    @Test(arguments: Hang.allCases)
    func `When Redis hangs for one and a half ttl, only a dead presence leaves`(_ hang: Hang) async throws {
        try await FaultCluster.with(redis: ["--enable-debug-command", "local"]) { cluster in
            let tabs = try await cluster.streamClients(4)
            let backends = try await cluster.requestClients(4)
            let mortal = try await cluster.mortalBackend()
            let restless = cluster.restlessWatcher()
            await mortal.die()
            let outages = cluster.outages
            let sleep = Task {
                if hang == .sleeping {
                    try await cluster.sendToRedis("DEBUG", "SLEEP", "7.5")
                } else {
                    cluster.redis.pause()
                }
            }
            try await eventually("silence") { LocalSocket.ask(cluster.redis.socketPath, "PING\r\n") == nil }
            let end = ContinuousClock.now + .seconds(7.5)
            try await cluster.expectRefusedWrites()
            try await cluster.expectStaleLists()
            try await ContinuousClock().sleep(until: end)  // because the length of the stall is what is tested
            cluster.redis.resume()
            try await sleep.value

            try await cluster.expectOneTruth(and: [restless.watcher])
            try await cluster.expectLeaves(of: [mortal.key], because: "expired", within: .seconds(18))
            try await cluster.expectOneTruth(and: [restless.watcher])
            try cluster.expectNeverGone(tabs.map(\.key) + backends.map(\.key), and: [restless.watcher])
            #expect(cluster.watchersAreOpen && backends.allSatisfy { $0.tracks <= 1 })
            #expect(zip(outages, cluster.outages).allSatisfy { $1 == $0 + 1 })
            await cluster.end(tabs, backends, restless)
        }
    }

    @Test func `A full Redis refuses new presences and changes, and only presences that end leave`() async throws {
        try await FaultCluster.with { cluster in
            let tabs = try await cluster.streamClients(5)
            let backends = try await cluster.requestClients(5)
            try await cluster.track("rest", at: 0)
            let restless = cluster.restlessWatcher()
            try await cluster.sendToRedis("CONFIG", "SET", "maxmemory", "1")

            try await cluster.expectRefusedWrites()
            #expect(try await cluster.clients[1].patch(cluster.path("rest"), #"{"a":1}"#).status == 503)
            let all = cluster.clients
            let newcomer = StreamClient(key: "newcomer", topic: cluster.topic, clients: { all })
            await tabs[0].close()
            await backends[0].die()
            try await eventually { try await cluster.clients[1].delete(cluster.path("rest")).status == 204 }
            try await cluster.expectLeaves(of: ["rest"], because: "untracked", within: .seconds(4))
            try await cluster.expectLeaves(of: [backends[0].key], because: "expired", within: .seconds(10))
            try await cluster.expectLeaves(of: [tabs[0].key], because: "closed", within: .seconds(15))
            // Two ttl, after which a presence with refused renewals would be gone.
            let renewals = backends[1].renewals
            try await eventually("six heartbeats", timeout: .seconds(20)) { backends[1].renewals >= renewals + 6 }
            for watcher in cluster.watchers { #expect(try watcher.roster()["newcomer"] == nil) }

            try await cluster.sendToRedis("CONFIG", "SET", "maxmemory", "0")
            try await cluster.expectPresent(["newcomer"], timeout: .seconds(5))
            try await cluster.track("late", at: 1)
            try await cluster.expectOneTruth(and: [restless.watcher])
            let here = tabs.dropFirst().map(\.key) + backends.dropFirst().map(\.key)
            try cluster.expectNeverGone(here, and: [restless.watcher])
            #expect(cluster.watchersAreOpen && backends.dropFirst().allSatisfy { $0.tracks <= 1 })
            await cluster.end(tabs + [newcomer], backends, restless)
        }
    }

    /// One for each key of a topic that Redis may evict, with the possible reasons of the leave of `mortal`.
    @Test(
        arguments: [(key: "z", right: ["expired"]), ("h", ["evicted", "lost"]), ("m", ["expired", "lost"])])
    func `With a Redis that evicts, nodes are not ready, and a topic that lost a Redis key is repaired`(
        key: String, right: [String]
    ) async throws {
        try await FaultCluster.with { cluster in
            let tabs = try await cluster.streamClients(4)
            let backends = try await cluster.requestClients(4)
            let restless = cluster.restlessWatcher()
            try await cluster.sendToRedis("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
            try await cluster.expectReadiness(503, because: "maxmemory-policy is allkeys-lru")
            try await cluster.track("mortal", at: 0, ttl: 5)
            try await cluster.expectPresent(["mortal"])
            #expect(try await cluster.sendToRedis("DEL", cluster.key(key)) == "1")

            try await eventually("one leave of mortal at each watcher", timeout: .seconds(20)) {
                try cluster.watchers.allSatisfy { watcher in
                    let reasons = try watcher.leaves().filter { $0.key == "mortal" }.map(\.reason)
                    return reasons.count == 1 && right.contains(reasons[0])
                }
            }
            try await cluster.expectOneTruth(and: [restless.watcher])
            let here = tabs.map(\.key) + backends.map(\.key)
            try cluster.expectNoLeaves(of: here, and: [restless.watcher])
            // A stream that opens while values are gone gets a state without them.
            if key != "h" { try cluster.expectNeverGone(here) }
            #expect(cluster.watchersAreOpen)
            if key == "z" {
                try await eventually("the line") {
                    cluster.nodes.contains { $0.log.contains("audit: topic repaired") }
                }
            }
            try await cluster.sendToRedis("CONFIG", "SET", "maxmemory-policy", "noeviction")
            try await cluster.expectReadiness(200)
            await cluster.end(tabs, backends, restless)
        }
    }

    @Test func `A presence that is renewed after its deadline and before the sweep never leaves`() async throws {
        try await FaultCluster.with { cluster in
            let tabs = try await cluster.streamClients(2)
            let backends = try await cluster.requestClients(2)
            for key in ["late", "dead"] { try await cluster.track(key, at: 0) }
            try await cluster.expectPresent(["late", "dead"])
            // Holds the sweeps for 4 s, and sets all deadlines into the past.
            let hold = """
                local t = redis.call('TIME')
                local now = t[1] * 1000 + math.floor(t[2] / 1000)
                redis.call('HSET', KEYS[1], 'hold', now + 4000)
                for _, member in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
                  redis.call('ZADD', KEYS[2], now - 1000, member)
                end
                redis.call('ZADD', KEYS[3], now - 1000, ARGV[1])
                return now + 4000
                """
            let (clock, due) = (try cluster.bucketPrefix + "clk", try cluster.bucketPrefix + "due")
            let end = try #require(
                Int(try await cluster.sendToRedis("EVAL", hold, "3", clock, cluster.key("z"), due, cluster.topic)))

            for client in cluster.clients {
                let list = try await client.get(RollcallClient.path(topic: cluster.topic, "presences"))
                #expect(try list.json["presences"]?["late"] != nil && list.json["presences"]?["dead"] != nil)
                let newcomer = try await client.events(RollcallClient.path(topic: cluster.topic, "events"))
                let state = try await newcomer.next("presence_state").json
                #expect(state["late"] != nil && state["dead"] != nil)
                await newcomer.close()
            }
            try await eventually("a heartbeat") {
                try await cluster.clients[1].post(cluster.path("late") + "/heartbeat", "{}").status == 200
            }

            try await cluster.expectLeaves(of: ["dead"], because: "expired", within: .seconds(8))
            try await eventually("another tick") {
                Int(try await cluster.sendToRedis("HGET", clock, "last")) ?? 0 > end + 2500
            }
            try await cluster.expectOneTruth()
            try cluster.expectNeverGone(["late"] + tabs.map(\.key) + backends.map(\.key))
            #expect(cluster.watchersAreOpen && backends.allSatisfy { $0.tracks <= 1 })
            await cluster.end(tabs, backends)
        }
    }
}
