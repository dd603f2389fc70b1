// Rollcall · PresenceServerTests

import Testing

@testable import PresenceServer

@Suite("What a client has read")
struct ReadProgressTests {
    @Test func `a client that has taken nothing since the last check is found`() {
        var progress = ReadProgress(plaintext: nil)
        #expect(!progress.isWatched)
        progress.wrote(100)
        let checks = [60, 60].map { progress.check(unsent: $0) }
        #expect(checks == [true, false] && progress.isWatched)
    }

    @Test func `bytes that are written in between are no progress of the client`() {
        var progress = ReadProgress(plaintext: nil)
        progress.wrote(100)
        let first = progress.check(unsent: 60)
        progress.wrote(50)
        let later = [110, 100].map { progress.check(unsent: $0) }
        #expect(first && later == [false, true])
    }

    @Test func `a client that has read everything is not watched`() {
        var progress = ReadProgress(plaintext: nil)
        progress.wrote(100)
        let checks = [60, 0].map { progress.check(unsent: $0) }
        #expect(checks == [true, true] && !progress.isWatched)
    }
}
