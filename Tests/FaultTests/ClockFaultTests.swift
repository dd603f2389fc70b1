// Rollcall · FaultTests

import LocalServices
import TestSupport
import Testing

/// The wall clock of Redis, by which leases end, is set.
@Suite(
    "Redis' clock is set",
    .enabled(if: MovableClock.isPossible, "macOS preloads no library into redis-server, so its clock cannot be moved"))
struct ClockFaultTests {
    @Test func `No presence leaves when the clock jumps a minute forward and all leases are over at once`() async throws
    {
        try await withClock { cluster, clock in
            let streams = try await cluster.streamClients(6)
            let backends = try await cluster.requestClients(4)
            let restless = cluster.restlessWatcher()
            try await clock.stand(.seconds(60), of: cluster.redis)
            // Longer than a ttl and all backups of a tick.
            try await Task.sleep(for: .seconds(8))
            try await cluster.expectOneTruth(and: [restless.watcher])
            try cluster.expectNeverGone(streams.map(\.key) + backends.map(\.key), and: [restless.watcher])
            #expect(cluster.watchersAreOpen && streams.allSatisfy { $0.connections == 1 })
            #expect(backends.allSatisfy { $0.tracks == 1 })
            await cluster.end(streams, backends, restless)
        }
    }

    @Test func `After a jump forward by 12 s only a presence that is not renewed leaves, when a hold of 12 s is over`()
        async throws
    {
        try await withClock { cluster, clock in
            let streams = try await cluster.streamClients(6)
            let backends = try await cluster.requestClients(4)
            let mortal = try await cluster.mortalBackend()
            let restless = cluster.restlessWatcher()
            try await clock.stand(.seconds(12), of: cluster.redis)
            await mortal.die()
            try await cluster.expectLeaves(of: [mortal.key], because: "expired", within: .seconds(12 + 5 + 4))
            try await cluster.expectOneTruth(and: [restless.watcher])
            try cluster.expectNeverGone(streams.map(\.key) + backends.map(\.key), and: [restless.watcher])
            #expect(cluster.watchersAreOpen && streams.allSatisfy { $0.connections == 1 })
            await cluster.end(streams, backends, restless)
        }
    }

    @Test func `After a jump back by a minute only a presence that is not renewed leaves, within a ttl and the hold`()
        async throws
    {
        try await withClock { cluster, clock in
            let streams = try await cluster.streamClients(6)
            let backends = try await cluster.requestClients(4)
            let mortal = try await cluster.mortalBackend()
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
            try cluster.expectNeverGone(streams.map(\.key) + backends.map(\.key), and: [restless.watcher])
            #expect(cluster.watchersAreOpen && streams.allSatisfy { $0.connections == 1 })
            #expect(backends.allSatisfy { $0.tracks == 1 })
            await cluster.end(streams, backends, restless)
        }
    }

    @Test func `No presence leaves when the clock jumps a minute forward, and back during the hold`() async throws {
        try await withClock { cluster, clock in
            let streams = try await cluster.streamClients(6)
            let backends = try await cluster.requestClients(4)
            let restless = cluster.restlessWatcher()
            for ahead in [60, 0, -60, 0] {
                try await clock.stand(.seconds(ahead), of: cluster.redis)
                // Longer than all backups of a tick.
                try await Task.sleep(for: .seconds(4))
            }
            try await cluster.expectOneTruth(and: [restless.watcher])
            try cluster.expectNeverGone(streams.map(\.key) + backends.map(\.key), and: [restless.watcher])
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
    /// Sets the clock, and checks that the server uses it.
    fileprivate func stand(_ ahead: Duration, of redis: LocalRedis) async throws {
        try stand(ahead)
        let shown = try #require(Int64(try await redis.command("TIME").split(whereSeparator: \.isNewline)[0]))
        let difference = shown - Self.trueSeconds - ahead.components.seconds
        #expect(abs(difference) <= 5, "the server is \(difference) s off what it was set to")
    }
}
