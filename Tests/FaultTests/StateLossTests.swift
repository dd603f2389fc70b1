// Rollcall · FaultTests

import LocalServices
import TestSupport
import Testing

/// Redis goes on with less data than it had, or another server with a copy goes on.
@Suite("A Redis that loses data")
struct StateLossTests {
    @Test func `A promoted Redis replica that lacks the last writes begins another epoch, and renewed presences stay`()
        async throws
    {
        try await FaultCluster.with { cluster in
            try await withReplica(of: cluster.redis) { replica, link in
                let streams = try await cluster.streamClients(6)
                let backends = try await cluster.requestClients(4)
                let restless = cluster.restlessWatcher()
                try await cluster.track("untracked", at: 0, ttl: 15)
                try await cluster.track("updated", at: 0, ttl: 300)
                try await cluster.expectPresent(["untracked", "updated"])
                try await replica.expectCopy(of: cluster.redis)

                link.refuse()
                try await cluster.track("forgotten", at: 1, ttl: 15)
                #expect(try await cluster.clients[0].delete(cluster.path("untracked")).status == 204)
                try await cluster.update("updated", times: 20)
                try await cluster.expectOneTruth(and: [restless.watcher])
                let (lost, seq) = try await cluster.position(at: 0)
                let early = cluster.watchers[0].events()

                await cluster.redis.kill()
                try await replica.command("REPLICAOF", "NO", "ONE")
                try cluster.lead(to: replica)
                // As many changes again, so that a seq of the same epoch would reach the lost one.
                try await cluster.update("updated", times: 20)
                try await eventually("another epoch, beyond the seq of the last") {
                    let now = try await cluster.position(at: 0)
                    try #require(now.epoch != lost)
                    if now.seq <= seq { try await cluster.update("updated", times: 1) }
                    return now.seq > seq
                }

                var resumed: [Watcher] = []
                var open: [SSEClient] = []
                for (number, client) in cluster.clients.enumerated() {
                    let path = RollcallClient.path(topic: cluster.topic, "events")
                    let stream = try await client.events(path, lastEventID: "\(lost)-\(seq)")
                    #expect(try await stream.next().name == "presence_state")
                    resumed.append(Watcher(name: "resumed at node \(number)") { early + stream.events })
                    open.append(stream)
                }
                // The hold of one ttl, and the ttl of presences that nodes restored.
                try await cluster.expectLeaves(of: ["forgotten"], because: "expired", within: .seconds(20))
                try await cluster.expectOneTruth(and: resumed + [restless.watcher])
                try await eventually("the end of presences that no client renews", timeout: .seconds(20)) {
                    try cluster.watchers.allSatisfy { watcher in
                        let reasons = try watcher.leaves().filter { $0.key == "untracked" }.map(\.reason)
                        return reasons == ["untracked", "expired"]
                    }
                }
                try await cluster.expectOneTruth(and: resumed + [restless.watcher])
                let renewed = streams.map(\.key) + backends.map(\.key) + ["updated"]
                try cluster.expectNoLeaves(of: renewed, and: resumed + [restless.watcher])
                try History.expectOne(among: cluster.watchers + resumed + [restless.watcher])
                #expect(cluster.watchersAreOpen && streams.allSatisfy { $0.connections == 1 })
                await cluster.end(streams, backends, restless)
                for stream in open { await stream.close() }
            }
        }
    }

    @Test func `While the primary is a replica for longer than a ttl, writes get 503 until nodes reach the new one`()
        async throws
    {
        try await FaultCluster.with { cluster in
            try await withReplica(of: cluster.redis) { replica, link in
                let streams = try await cluster.streamClients(6)
                let backends = try await cluster.requestClients(4)
                let mortal = try await cluster.mortalBackend()
                let restless = cluster.restlessWatcher()
                try await replica.expectCopy(of: cluster.redis)

                try await replica.command("REPLICAOF", "NO", "ONE")
                try await cluster.redis.command("REPLICAOF", "127.0.0.1", "\(try #require(replica.port))")
                await mortal.die()
                try await cluster.expectRefusedWrites()
                // More than a ttl: the fault is that no client can renew for so long.
                try await Task.sleep(for: .seconds(7))
                try await cluster.expectRefusedWrites()
                try cluster.lead(to: replica)

                try await cluster.expectPresent(streams.map(\.key) + backends.map(\.key))
                try await cluster.expectOneTruth(and: [restless.watcher])
                // The hold is as long as the tick gap, and a ttl may be left after it.
                try await cluster.expectLeaves(of: [mortal.key], because: "expired", within: .seconds(25))
                try await cluster.expectOneTruth(and: [restless.watcher])
                try cluster.expectNoLeaves(of: streams.map(\.key) + backends.map(\.key), and: [restless.watcher])
                try History.expectOne(among: cluster.watchers + [restless.watcher])
                #expect(cluster.watchersAreOpen && streams.allSatisfy { $0.connections == 1 })
                await cluster.end(streams, backends, restless)
            }
        }
    }

    @Test
    func `After FLUSHALL nodes restore the presences of open streams before any stream shows them gone`()
        async throws
    {
        // The default ttl: nodes renew streams only every 10 s.
        try await FaultCluster.with(settings: ["ROLLCALL_DEFAULT_TTL": "30"]) { cluster in
            let streams = try await cluster.streamClients(8)
            // They renew every 10 s, so that nodes must restore them before the backends could.
            let backends = try await cluster.requestClients(4, ttl: 30)
            let restless = cluster.restlessWatcher()
            try await cluster.track("forgotten", at: 0, ttl: 10)
            try await cluster.expectPresent(["forgotten"])

            // For 2 s after it connected a node renews all leases; a later loss it must notice by itself.
            try await Task.sleep(for: .seconds(3))
            try await cluster.sendToRedis("FLUSHALL")
            // A message of the new epoch, so that every node compares at once.
            try await cluster.track("first", at: 1, ttl: 300)
            try await cluster.expectLeaves(of: ["forgotten"], because: "expired", within: .seconds(25))
            try await cluster.expectOneTruth(and: [restless.watcher])
            try cluster.expectNoLeaves(of: streams.map(\.key) + backends.map(\.key), and: [restless.watcher])
            try History.expectOne(among: cluster.watchers + [restless.watcher])
            #expect(cluster.watchersAreOpen && streams.allSatisfy { $0.connections == 1 })
            await cluster.end(streams, backends, restless)
        }
    }

    @Test func `Nodes notice a FLUSHALL that no write follows`() async throws {
        try await FaultCluster.with(settings: ["ROLLCALL_DEFAULT_TTL": "300"]) { cluster in
            let streams = try await cluster.streamClients(4)
            try await cluster.track("quiet", at: 0, ttl: 300)
            try await cluster.expectPresent(["quiet"])
            // For 2 s after it connected a node renews all leases; a later loss it must notice by itself.
            try await Task.sleep(for: .seconds(3))
            try await cluster.sendToRedis("FLUSHALL")
            try await eventually("presences of streams in Redis again", timeout: .seconds(7)) {
                try await cluster.redisRoster().count >= streams.count
            }
            // Nodes compare positions each 5 to 10 s, and publish losses after 7 s.
            try await Task.sleep(for: .seconds(12))
            try await cluster.expectOneTruth()
            #expect(try await cluster.redisRoster().count == streams.count + 1)
            try cluster.expectNeverGone(streams.map(\.key) + ["quiet"])
            await cluster.end(streams)
        }
    }

    @Test func `When Redis restarts empty, presences are restored or tracked again, and no renewed one leaves`()
        async throws
    {
        try await FaultCluster.with { cluster in
            let streams = try await cluster.streamClients(8)
            let backends = try await cluster.requestClients(4)
            let restless = cluster.restlessWatcher()
            try await cluster.track("forgotten", at: 0, ttl: 15)
            try await cluster.expectPresent(["forgotten"])

            await cluster.redis.kill()
            try await cluster.expectStaleLists()
            try await cluster.expectRefusedWrites()
            // Clients get no event for a short outage, so wait for one.
            try await eventually("degraded at each watcher") {
                cluster.watchers.allSatisfy { $0.count(of: "degraded") == 1 }
            }
            try await cluster.redis.restart()
            try await cluster.expectOneOutage()
            try await cluster.expectLeaves(of: ["forgotten"], because: "expired", within: .seconds(30))
            try await cluster.expectOneTruth(and: [restless.watcher])
            try cluster.expectNoLeaves(of: streams.map(\.key) + backends.map(\.key), and: [restless.watcher])
            try History.expectOne(among: cluster.watchers + [restless.watcher])
            #expect(cluster.watchersAreOpen && streams.allSatisfy { $0.connections == 1 })
            await cluster.end(streams, backends, restless)
        }
    }

    @Test
    func `After a restart from the append-only file renewed presences stay, and dead ones leave after the hold`()
        async throws
    {
        let durable = ["--appendonly", "yes", "--appendfsync", "always"]
        try await FaultCluster.with(redis: durable) { cluster in
            let streams = try await cluster.streamClients(6)
            let backends = try await cluster.requestClients(4)
            let mortal = try await cluster.mortalBackend()
            let closing = StreamClient(key: "closing", topic: cluster.topic, grace: 2) { cluster.clients }
            try await cluster.expectPresent(["closing"])
            let restless = cluster.restlessWatcher()

            await cluster.redis.kill()
            await mortal.die()
            await closing.close()
            try await cluster.expectStaleLists()
            // More than a ttl of 5 s: every lease is over when Redis is back.
            try await Task.sleep(for: .seconds(7))
            try await cluster.redis.restart()
            try await cluster.expectOneOutage()
            try await cluster.expectOneTruth(and: [restless.watcher])
            // The hold is as long as the tick gap, at least 10 s, and a ttl may be left after it.
            try await cluster.expectLeaves(of: [mortal.key], because: "expired", within: .seconds(18))
            try await cluster.expectLeaves(of: ["closing"], because: "closed", within: .seconds(5))
            try await cluster.expectOneTruth(and: [restless.watcher])
            try cluster.expectNeverGone(streams.map(\.key) + backends.map(\.key), and: [restless.watcher])
            try History.expectOne(among: cluster.watchers + [restless.watcher])
            #expect(backends.allSatisfy { $0.tracks == 1 })
            #expect(cluster.watchersAreOpen && streams.allSatisfy { $0.connections == 1 })
            await cluster.end(streams, backends, restless)
        }
    }
}
