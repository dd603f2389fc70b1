// Rollcall · PresenceStoreTests

import Redis
import Testing

@testable import PresenceStore

@Suite("Errors of the store")
struct StoreErrorTests {
    @Test(
        arguments: [
            (.loading, .unavailable), (.masterDown, .unavailable), (.timeout, .unavailable),
            (.unavailable, .unavailable), (.tooManyClients, .unavailable), (.outOfMemory, .outOfMemory),
            (.readOnly, .refused), (.noReplicas, .refused), (.noPermission, .refused), (.wrongPassword, .refused),
            (.moved, .refused), (.wrongType, .corrupt), (.noScript, .corrupt), (.other, .corrupt),
        ] as [(RedisError.Code, StoreError.Code)])
    func `Each error of Redis has a code of the store`(redis: RedisError.Code, store: StoreError.Code) {
        let error = StoreError(RedisError(redis, "text"))
        #expect(error.code == store)
        #expect(error.message == "\(RedisError(redis, "text"))")
    }

    @Test func `An operation may succeed soon, unless Redis holds or answers something wrong`() {
        let codes: [StoreError.Code] = [
            .unavailable, .refused, .outOfMemory, .conflictedTooOften, .corrupt, .misconfigured,
        ]
        #expect(codes.filter { !StoreError($0, "").isTransient } == [.corrupt, .misconfigured])
    }
}
