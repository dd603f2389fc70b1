// Rollcall · PresenceStoreTests

import PresenceStore
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

    @Test func `A message to a node that does not listen reports that`() async throws {
        try await withStore { test in
            let isHeard = try await test.store.send([1], toPollsOf: "absent")
            #expect(!isHeard)
        }
    }
}
