// Rollcall · EndToEndTests

import LocalServices
import TestSupport
import Testing

/// Deployments that share nothing but a Redis.
@Suite("Two deployments on one Redis")
struct SharedRedisTests {
    private static let events = RollcallClient.path(topic: "lobby", "events")
    private static let presence = RollcallClient.path(topic: "lobby", "presences") + "/eve/s1"

    @Test(arguments: [
        ("/0", "rc:", "/1", "rc:"), ("/1", "rc:", "/11", "rc:"), ("/0", "rc:", "/0", "rc:x:"),
        ("/0", "rc:", "/1", "rc:@1:"),
    ])
    func `Deployments with different databases or prefixes see nothing of each other`(
        one: String, prefix: String, two: String, otherPrefix: String
    ) async throws {
        try await withLocalRedis(port: true) { redis in
            try await withRollcall(redis: redis.url + one, environment: ["ROLLCALL_REDIS_PREFIX": prefix]) { mine in
                try await withRollcall(
                    redis: redis.url + two, environment: ["ROLLCALL_REDIS_PREFIX": otherPrefix]
                ) { theirs in
                    let stream = try await mine.client.events(Self.events)
                    #expect(try await stream.next("presence_state").data == "{}")
                    let other = try await theirs.client.events(Self.events)
                    _ = try await other.next("presence_state")
                    #expect(try await theirs.client.put(Self.presence, #"{"meta":{"secret":1}}"#).status == 201)
                    #expect(try await other.next("presence_diff").data.contains("eve"))
                    // Its own presence, tracked later, must be the first that the stream shows.
                    let alice = RollcallClient.path(topic: "lobby", "presences", "alice", "s1")
                    #expect(try await mine.client.put(alice).status == 201)
                    #expect(try await stream.next("presence_diff").data.contains("alice"))
                    let late = try await mine.client.events(Self.events)
                    #expect(try await late.next("presence_state").data.contains("alice"))
                    #expect(!(stream.events + late.events).contains { $0.data.contains("eve") })
                    for events in [stream, other, late] { await events.close() }
                }
            }
        }
    }

    @Test func `Two nodes on one numbered database are one deployment`() async throws {
        try await withLocalRedis(port: true) { redis in
            try await withRollcall(redis: redis.url + "/3") { one in
                try await withRollcall(redis: redis.url + "/3") { two in
                    let stream = try await one.client.events(Self.events)
                    _ = try await stream.next("presence_state")
                    #expect(try await two.client.put(Self.presence).status == 201)
                    #expect(try await stream.next("presence_diff").data.contains("eve"))
                    #expect(try await one.client.get("/readyz").status == 200)
                    await stream.close()
                }
            }
        }
    }
}
