// Rollcall · PresenceServerTests

import Access
import AccessSamples
import Testing

@testable import PresenceServer

@Suite("The credential of a stream")
struct StreamCredentialTests {
    private let now = 1_800_000_000.0

    @Test func `The end is announced a minute before, and then comes once`() async throws {
        var credential = try await credential(lifetime: 600)
        #expect(credential.nextStep == now + 540)
        #expect(credential.step() == .announce(end: now + 600))
        #expect(credential.nextStep == now + 600)
        #expect(credential.step() == .end)
    }

    @Test func `A credential that is near its end is announced at once`() async throws {
        let credential = try await credential(lifetime: 10)
        #expect(try #require(credential.nextStep) < now)
    }

    @Test func `A token within the leeway lasts as long as the leeway`() async throws {
        var credential = try await credential(lifetime: -10)
        #expect(credential.step() == .announce(end: now + 20))
    }

    @Test func `A credential that ended while its stream waited to begin is over, the leeway included`() async throws {
        for (waited, hasEnded) in [(0.0, false), (600, false), (629, false), (630, true), (86_400, true)] {
            let later = try await credential(lifetime: 600, startingAfter: waited)
            #expect(later.hasEnded(at: now + waited) == hasEnded, "\(waited)")
        }
    }

    @Test func `A caller of an open node has no end`() {
        var credential = StreamCredential(.open, at: now)
        #expect(credential.nextStep == nil && credential.step() == nil && !credential.hasEnded(at: .infinity))
    }

    /// - Parameter waited: The seconds from the request to the beginning of the stream.
    private func credential(lifetime: Double, startingAfter waited: Double = 0) async throws -> StreamCredential {
        var keys = Credentials.Keys()
        keys.tokenKeys = try await TokenKeys(secret: SampleToken.secret)
        let token = SampleToken.hs256(SampleToken.payload(lifetime: lifetime, from: now))
        let caller = try Credentials(keys, isOpen: false).caller(authorization: "Bearer \(token)", at: now)
        return StreamCredential(caller, at: now + waited)
    }
}
