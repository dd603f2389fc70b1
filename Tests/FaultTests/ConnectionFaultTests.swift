// Rollcall · FaultTests

import LocalServices
import TestSupport
import Testing

/// What happens to the nodes' connections to Redis.
@Suite("Connections that fail")
struct ConnectionFaultTests {
    @Test("Pub/sub connections that are cut, with one change and then silence: everybody sees the change")
    func cutPubSub() async throws {
        try await FaultCluster.with { cluster in
            let owners = try await cluster.streamOwners(5)
            let outcome = try await Command.run(
                "redis-cli", ["-s", cluster.redis.socketPath, "CLIENT", "KILL", "TYPE", "pubsub"])
            #expect(outcome.code == 0)
            let path = RollcallClient.path(topic: cluster.topic, "presences", "last", "s")
            #expect(try await cluster.clients[0].put(path, #"{"ttl":60}"#).status == 201)
            try await cluster.expectPresent(["last"])
            try await cluster.expectOneTruth()
            try cluster.expectNoLeaves(of: owners.map(\.key))
            #expect(cluster.watchersAreOpen)
            for owner in owners { await owner.close() }
        }
    }
}
