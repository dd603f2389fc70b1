// Rollcall · FaultTests

import LocalServices
import TestSupport
import Testing

/// A Redis that is there, and suffers.
@Suite("A Redis that suffers")
struct RedisFaultTests {
    @Test func `Scripts that are flushed under load: nobody notices`() async throws {
        try await FaultCluster.with(settings: ["ROLLCALL_DEFAULT_TTL": "15"]) { cluster in
            let tabs = try await cluster.streamClients(4)
            let backends = try await cluster.requestOwners(4, ttl: 15)
            let restless = cluster.restlessWatcher()
            let load = GuestLoad(topic: cluster.topic, clients: cluster.clients)
            while load.count < 400 { try await cluster.tell("SCRIPT", "FLUSH") }
            await load.end()
            #expect(load.refusals == [])
            try await cluster.expectOneTruth(and: [restless.watcher])
            try cluster.expectNobodyGone(tabs.map(\.key) + backends.map(\.key), and: [restless.watcher])
            #expect(backends.allSatisfy { $0.tracks <= 1 } && cluster.watchersAreOpen)
            await cluster.end(tabs, backends, restless)
        }
    }

    @Test func `A script that runs longer than a ttl: writes are refused, connections are kept, nobody leaves`()
        async throws
    {
        try await FaultCluster.with(redis: ["--busy-reply-threshold", "500"]) { cluster in
            let tabs = try await cluster.streamClients(4)
            let backends = try await cluster.requestOwners(4)
            let restless = cluster.restlessWatcher()
            let outages = cluster.outages
            let connections = try await cluster.redisInfo("total_connections_received")
            let end = ContinuousClock.now + .seconds(7.5)
            let script = Task { try? await cluster.tell("EVAL", "while true do end", "0") }
            try await eventually("a busy Redis") {
                do {
                    try await cluster.tell("GET", "anything")
                    return false
                } catch {
                    return "\(error)".contains("BUSY")
                }
            }
            try await cluster.expectRefusedWrites()
            try await cluster.expectStaleLists()
            // The nodes' connections for messages learn of it by this.
            let other = try await cluster.clients[0].events(RollcallClient.path(topic: "another", "events"))
            try await ContinuousClock().sleep(until: end)  // because the length of the stall is what is tested
            try await cluster.tell("SCRIPT", "KILL")
            _ = await script.value

            _ = try await other.next("presence_state")
            try await cluster.expectOneTruth(and: [restless.watcher])
            try cluster.expectNobodyGone(tabs.map(\.key) + backends.map(\.key), and: [restless.watcher])
            #expect(cluster.watchersAreOpen && tabs.allSatisfy { $0.connections == 1 })
            #expect(zip(outages, cluster.outages).allSatisfy { $1 <= $0 + 1 })
            let losses = cluster.nodes.map(\.log).joined(separator: "\n").split(separator: "\n")
                .filter { $0.contains("redis: connection lost") && $0.contains("BUSY") }
            #expect(losses == [])
            // Ours above and a few attempts a second of one node's subscriber.
            #expect(try await cluster.redisInfo("total_connections_received") - connections < 80)
            await other.close()
            await cluster.end(tabs, backends, restless)
        }
    }

    @Test func `A Redis that restarts and loads for seconds: an outage told once, and nobody leaves but who is gone`()
        async throws
    {
        let slowly = ["--appendonly", "yes", "--key-load-delay", "500"]
        try await FaultCluster.with(redis: slowly) { cluster in
            let tabs = try await cluster.streamClients(4)
            let backends = try await cluster.requestOwners(4)
            let mortal = try await cluster.mortalOwner()
            let restless = cluster.restlessWatcher()
            try await cluster.tell("EVAL", "for i = 1, 5000 do redis.call('SET', 'filler' .. i, i) end", "0")
            await mortal.die()
            let outages = cluster.outages
            await cluster.redis.kill()
            async let restart: Void = cluster.redis.restart()
            try await eventually("a Redis that loads") {
                do {
                    try await cluster.tell("GET", "anything")
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
            try await cluster.expectOutageTold(since: outages)
            // A ttl, the hold of 10 s, and a tick.
            try await cluster.expectLeaves(of: [mortal.key], because: "expired", within: .seconds(18))
            try await cluster.expectOneTruth(and: [restless.watcher])
            try cluster.expectNobodyGone(tabs.map(\.key) + backends.map(\.key), and: [restless.watcher])
            #expect(cluster.watchersAreOpen && backends.allSatisfy { $0.tracks <= 1 })
            #expect(try await cluster.redisInfo("total_connections_received") < 100)
            await cluster.end(tabs, backends, restless)
        }
    }

    enum Hang: CaseIterable {
        case stopped, sleeping
    }

    @Test(arguments: Hang.allCases)
    func `A Redis that hangs for one and a half ttl: nobody leaves but who is gone`(_ hang: Hang) async throws {
        try await FaultCluster.with(redis: ["--enable-debug-command", "local"]) { cluster in
            let tabs = try await cluster.streamClients(4)
            let backends = try await cluster.requestOwners(4)
            let mortal = try await cluster.mortalOwner()
            let restless = cluster.restlessWatcher()
            await mortal.die()
            let outages = cluster.outages
            let sleep = Task {
                if hang == .sleeping { try await cluster.tell("DEBUG", "SLEEP", "7.5") } else { cluster.redis.pause() }
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
            try cluster.expectNobodyGone(tabs.map(\.key) + backends.map(\.key), and: [restless.watcher])
            #expect(cluster.watchersAreOpen && backends.allSatisfy { $0.tracks <= 1 })
            #expect(zip(outages, cluster.outages).allSatisfy { $1 == $0 + 1 })
            await cluster.end(tabs, backends, restless)
        }
    }

    @Test func `A Redis that is full: nobody new and nothing changed, and nobody leaves but who goes`() async throws {
        try await FaultCluster.with { cluster in
            let tabs = try await cluster.streamClients(5)
            let backends = try await cluster.requestOwners(5)
            try await cluster.track("rest", at: 0)
            let restless = cluster.restlessWatcher()
            try await cluster.tell("CONFIG", "SET", "maxmemory", "1")

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
            // Two ttl, after which nobody whose renewals are refused would be there.
            let renewals = backends[1].renewals
            try await eventually("six heartbeats", timeout: .seconds(20)) { backends[1].renewals >= renewals + 6 }
            for watcher in cluster.watchers { #expect(try watcher.roster()["newcomer"] == nil) }

            try await cluster.tell("CONFIG", "SET", "maxmemory", "0")
            try await cluster.expectPresent(["newcomer"], timeout: .seconds(5))
            try await cluster.track("late", at: 1)
            try await cluster.expectOneTruth(and: [restless.watcher])
            let here = tabs.dropFirst().map(\.key) + backends.dropFirst().map(\.key)
            try cluster.expectNobodyGone(here, and: [restless.watcher])
            #expect(cluster.watchersAreOpen && backends.dropFirst().allSatisfy { $0.tracks <= 1 })
            await cluster.end(tabs + [newcomer], backends, restless)
        }
    }

    /// One for each key of a topic that an eviction may take, with the reasons for which who is gone may leave.
    @Test(
        arguments: [(key: "z", right: ["expired"]), ("h", ["evicted", "lost"]), ("m", ["expired", "lost"])])
    func `A Redis that evicts: nodes are not ready, and a topic that lost a key is repaired`(
        key: String, right: [String]
    ) async throws {
        try await FaultCluster.with { cluster in
            let tabs = try await cluster.streamClients(4)
            let backends = try await cluster.requestOwners(4)
            let restless = cluster.restlessWatcher()
            try await cluster.tell("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
            try await cluster.expectReadiness(503, because: "maxmemory-policy is allkeys-lru")
            try await cluster.track("mortal", at: 0, ttl: 5)
            try await cluster.expectPresent(["mortal"])
            #expect(try await cluster.tell("DEL", cluster.key(key)) == "1")

            try await eventually("one leave of who is gone at each watcher", timeout: .seconds(20)) {
                try cluster.watchers.allSatisfy { watcher in
                    let reasons = try watcher.leaves().filter { $0.key == "mortal" }.map(\.reason)
                    return reasons.count == 1 && right.contains(reasons[0])
                }
            }
            try await cluster.expectOneTruth(and: [restless.watcher])
            let here = tabs.map(\.key) + backends.map(\.key)
            try cluster.expectNoLeaves(of: here, and: [restless.watcher])
            // Streams that come while values are gone are shown a state without them.
            if key != "h" { try cluster.expectNobodyGone(here) }
            #expect(cluster.watchersAreOpen)
            if key == "z" {
                try await eventually("the line") {
                    cluster.nodes.contains { $0.log.contains("audit: topic repaired") }
                }
            }
            try await cluster.tell("CONFIG", "SET", "maxmemory-policy", "noeviction")
            try await cluster.expectReadiness(200)
            await cluster.end(tabs, backends, restless)
        }
    }

    @Test func `A renewal after the deadline and before the sweep: the presence was never gone`() async throws {
        try await FaultCluster.with { cluster in
            let tabs = try await cluster.streamClients(2)
            let backends = try await cluster.requestOwners(2)
            for key in ["late", "dead"] { try await cluster.track(key, at: 0) }
            try await cluster.expectPresent(["late", "dead"])
            // Keeps sweeps off for a while, and puts everybody's deadline into the past.
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
                Int(try await cluster.tell("EVAL", hold, "3", clock, cluster.key("z"), due, cluster.topic)))

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
                Int(try await cluster.tell("HGET", clock, "last")) ?? 0 > end + 2500
            }
            try await cluster.expectOneTruth()
            try cluster.expectNobodyGone(["late"] + tabs.map(\.key) + backends.map(\.key))
            #expect(cluster.watchersAreOpen && backends.allSatisfy { $0.tracks <= 1 })
            await cluster.end(tabs, backends)
        }
    }
}
