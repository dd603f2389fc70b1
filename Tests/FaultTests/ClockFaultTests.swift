// Rollcall · FaultTests

import LocalServices
import TestSupport
import Testing

/// The wall clock of Redis, by which leases are judged, is set.
@Suite(
    "Redis' clock is set",
    .enabled(if: MovableClock.isPossible, "macOS preloads no library into redis-server, so its clock cannot be moved"))
struct ClockFaultTests {
    @Test func `A minute forward: all leases are over at once, and nobody leaves`() async throws {
        try await withClock { cluster, clock in
            let streams = try await cluster.streamClients(6)
            let backends = try await cluster.requestOwners(4)
            let restless = cluster.restlessWatcher()
            try await clock.stand(.seconds(60), of: cluster.redis)
            // Longer than a ttl and all backups of a tick.
            try await Task.sleep(for: .seconds(8))
            try await cluster.expectOneTruth(and: [restless.watcher])
            try cluster.expectNobodyGone(streams.map(\.key) + backends.map(\.key), and: [restless.watcher])
            #expect(cluster.watchersAreOpen && streams.allSatisfy { $0.connections == 1 })
            #expect(backends.allSatisfy { $0.tracks == 1 })
            await cluster.end(streams, backends, restless)
        }
    }

    @Test func `Forward by 12 seconds: nobody leaves, and who dies then does so when the hold of as long is over`()
        async throws
    {
        try await withClock { cluster, clock in
            let streams = try await cluster.streamClients(6)
            let backends = try await cluster.requestOwners(4)
            let mortal = try await cluster.mortalOwner()
            let restless = cluster.restlessWatcher()
            try await clock.stand(.seconds(12), of: cluster.redis)
            await mortal.die()
            try await cluster.expectLeaves(of: [mortal.key], because: "expired", within: .seconds(12 + 5 + 4))
            try await cluster.expectOneTruth(and: [restless.watcher])
            try cluster.expectNobodyGone(streams.map(\.key) + backends.map(\.key), and: [restless.watcher])
            #expect(cluster.watchersAreOpen && streams.allSatisfy { $0.connections == 1 })
            await cluster.end(streams, backends, restless)
        }
    }

    @Test func `A minute backward: nobody leaves, and who dies after a renewal leaves within a ttl and the hold`()
        async throws
    {
        try await withClock { cluster, clock in
            let streams = try await cluster.streamClients(6)
            let backends = try await cluster.requestOwners(4)
            let mortal = try await cluster.mortalOwner()
            let closing = StreamClient(key: "closing", topic: cluster.topic, grace: 2) { cluster.clients }
            try await cluster.expectPresent(["closing"])
            let restless = cluster.restlessWatcher()
            try await clock.stand(.seconds(-60), of: cluster.redis)
            let renewals = mortal.renewals
            try await eventually("a renewal on the new clock") { mortal.renewals > renewals + 1 }
            await mortal.die()
            await closing.close()
            try await cluster.expectLeaves(of: [mortal.key], because: "expired", within: .seconds(5 + 5 + 4))
            try await cluster.expectLeaves(of: ["closing"], because: "closed", within: .seconds(5))
            try await cluster.expectOneTruth(and: [restless.watcher])
            try cluster.expectNobodyGone(streams.map(\.key) + backends.map(\.key), and: [restless.watcher])
            #expect(cluster.watchersAreOpen && streams.allSatisfy { $0.connections == 1 })
            #expect(backends.allSatisfy { $0.tracks == 1 })
            await cluster.end(streams, backends, restless)
        }
    }

    @Test func `A minute forward, and a minute back while expiry is held for it: nobody leaves`() async throws {
        try await withClock { cluster, clock in
            let streams = try await cluster.streamClients(6)
            let backends = try await cluster.requestOwners(4)
            let restless = cluster.restlessWatcher()
            for ahead in [60, 0, -60, 0] {
                try await clock.stand(.seconds(ahead), of: cluster.redis)
                // Longer than all backups of a tick.
                try await Task.sleep(for: .seconds(4))
            }
            try await cluster.expectOneTruth(and: [restless.watcher])
            try cluster.expectNobodyGone(streams.map(\.key) + backends.map(\.key), and: [restless.watcher])
            #expect(cluster.watchersAreOpen && streams.allSatisfy { $0.connections == 1 })
            await cluster.end(streams, backends, restless)
        }
    }

    private func withClock(_ body: (FaultCluster, MovableClock) async throws -> Void) async throws {
        try await MovableClock.with { clock in
            try await withLocalRedis(port: true, environment: clock.environment) { redis in
                try await FaultCluster.with(on: redis) { try await body($0, clock) }
            }
        }
    }
}

extension MovableClock {
    /// Sets the clock, and makes sure that the server goes by it.
    fileprivate func stand(_ ahead: Duration, of redis: LocalRedis) async throws {
        try stand(ahead)
        let shown = try #require(Int64(try await redis.command("TIME").split(whereSeparator: \.isNewline)[0]))
        let difference = shown - Self.trueSeconds - ahead.components.seconds
        #expect(abs(difference) <= 5, "the server is \(difference) s off what it was set to")
    }
}
