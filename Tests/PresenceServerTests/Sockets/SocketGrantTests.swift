// Rollcall · PresenceServerTests

import Access
import Basics
import Foundation
import PhoenixSocket
import PresenceModel
import PresenceText
import Testing

@testable import PresenceServer

@Suite("The grant of a join")
struct SocketGrantTests {
    /// Decides about a join of room:1.
    private func grant(_ caller: Caller, _ payload: String = "{}", view: View? = nil) throws -> SocketGrant {
        let text = #"["1","1","room:1","phx_join",\#(payload)]"#
        let message = try ClientMessage(.text(Array(text.utf8)), version: .v2)
        let request = try JoinRequest(
            message, SocketParameters(query: nil), ownKey: caller.userKey, limits: Limits())
        return try SocketGrant(caller, request, view: view)
    }

    @Test func `a user sees and tracks what its rights allow, and observes where it may not track`() async throws {
        let keys = SampleKeys()
        let credentials = try await keys.credentials()
        let now = Date().timeIntervalSince1970
        func caller(_ rights: String) throws -> Caller {
            let token = keys.token(rights: #"{"topics":{"room:1":[\#(rights)]}}"#)
            return try credentials.caller(authorization: "Bearer \(token)", at: now)
        }
        let whole = try grant(caller(#""track","see""#))
        #expect(whole.mayTrack && whole.see == .full)
        let reader = try grant(caller(#""see:keys""#), #"{"name":"bob"}"#)
        #expect(!reader.mayTrack && reader.see == .keys)
        let writer = try grant(caller(#""track""#))
        #expect(writer.mayTrack && writer.see == .nothing)

        for (rights, view) in [("", nil), (#""see:count""#, .full), (#""track""#, .count)] as [(String, View?)] {
            let problem = #expect(throws: Problem.self) { try grant(caller(rights), view: view) }
            #expect(problem?.kind == .forbidden && problem?.joinReason == "unauthorized", "\(rights)")
        }
    }

    @Test func `an API key that only sees joins without a key, and is refused with one`() async throws {
        let keys = SampleKeys()
        let caller = try await keys.credentials().caller(
            authorization: "Bearer \(keys.seeing.text)", at: Date().timeIntervalSince1970)
        let observer = try grant(caller)
        #expect(!observer.mayTrack && observer.see == .full)
        let problem = #expect(throws: Problem.self) { try grant(caller, #"{"key":"bob"}"#) }
        #expect(problem?.kind == .forbidden)
        let open = try grant(.open, #"{"key":"bob"}"#)
        #expect(open.mayTrack && open.see == .full)
    }

    @Test func `the reason of a change that is wrong is the title of the problem of a PATCH`() {
        for code in [InputError.Code.malformed, .tooLarge, .invalid, .corrupt] {
            let error = InputError(code, at: .pointer("#/meta"), "")
            // A body that is not JSON never comes so far.
            let kind = code == .malformed ? .invalidBody : ProblemKind(error)
            #expect(error.reason == kind.title, "\(code)")
        }
    }

    @Test func `each problem of a join has a short reason or its title`() {
        #expect(Problem.unavailable("").joinReason == "unavailable")
        #expect(Problem.tooManyTopics.joinReason == "node full")
        #expect(Problem(.limitReached, "").joinReason == "limit reached")
        #expect(Problem(.rateLimited, "").joinReason == "rate limited")
        #expect(Problem(.removed, "").joinReason == "unauthorized")
        #expect(Problem(.internalError, "").joinReason == "The server failed")
    }
}
