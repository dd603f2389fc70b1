// Rollcall · PresenceStoreTests

import PresenceStore
import Redis
import Testing

@Suite("What nodes share for long polls")
struct SocketSecretTests {
    @Test func `All nodes get the secret that was kept first`() async throws {
        try await withStore { test in
            let first = try await test.store.socketSecret(orKeep: [1, 2, 0xFF])
            #expect(first == [1, 2, 0xFF])
            #expect(try await test.store.socketSecret(orKeep: [3]) == first)
        }
    }

    @Test func `A node puts its secret back if Redis lost it`() async throws {
        try await withStore { test in
            let first = try await test.store.socketSecret(orKeep: [1])
            try await test.redis("HDEL", .string(test.store.keys.configuration), "socket")
            #expect(try await test.store.socketSecret(orKeep: first) == first)
            #expect(try await test.store.socketSecret(orKeep: [2]) == first)
        }
    }

    @Test func `Sending to a node that does not listen returns false`() async throws {
        try await withStore { test in
            let isHeard = try await test.store.send([1], toPollsOf: "absent")
            #expect(!isHeard)
        }
    }
}
