// Rollcall · AccessTests

import AccessSamples
import Basics
import Crypto
import Foundation
import JSONText
import PresenceModel
import Testing

@testable import Access

@Suite("Credentials")
struct CredentialsTests {
    private let now = 1_800_000_000.0

    // MARK: API keys

    @Test func `an API key is found by its id and compared by its hash`() throws {
        let (id, text) = APIKey.draw()
        let keys = try apiKeys(#"[{"id":"\#(id)","sha256":"\#(APIKey.sha256(of: text))","topics":{"a":["see"]}}]"#)
        let caller = try keys.caller(authorization: "Bearer \(text)", at: now)
        #expect(caller.identity == .apiKey(id))
        #expect(try caller.view(of: Topic("a"), wanted: nil) == .full)
        #expect(try keys.caller(authorization: "bearer   \(text)", at: now).identity == .apiKey(id))

        let last = text.last == "A" ? "B" : "A"
        for wrong in [text.dropLast() + last, text.dropLast(), text + "A", "rk_", "rk_\(id)", text.uppercased()[...]] {
            #expect(throws: Refusal.self) { try keys.caller(authorization: "Bearer \(wrong)", at: now) }
        }
    }

    @Test func `several keys are valid at once, and each until its own end`() throws {
        let (first, second) = (APIKey.draw(), APIKey.draw())
        let end = Date(timeIntervalSince1970: now + 10).formatted(.iso8601)
        let keys = try apiKeys(
            """
            [{"id":"\(first.id)","sha256":"\(APIKey.sha256(of: first.text))","expires_at":"\(end)"},
             {"id":"\(second.id)","sha256":"\(APIKey.sha256(of: second.text))"}]
            """)
        let caller = try keys.caller(authorization: "Bearer \(first.text)", at: now)
        #expect(caller.expiresAt == now + 10 && keys.holds(caller, at: now + 9) && !keys.holds(caller, at: now + 10))
        #expect(throws: Refusal.unauthenticated(detail: "The API key \(first.id) has expired.")) {
            try keys.caller(authorization: "Bearer \(first.text)", at: now + 10)
        }
        #expect(try keys.caller(authorization: "Bearer \(second.text)", at: now + 10).expiresAt == nil)
    }

    @Test(arguments: [
        ("{}", "#"), ("[1]", "#/0"), (#"[{"id":"short"}]"#, "#/0/id"), (#"[{"id":"backend1"}]"#, "#/0/sha256"),
        (#"[{"id":"backend1","sha256":"12"}]"#, "#/0/sha256"),
        (#"[{"id":"backend1","sha256":"HASH","expires_at":"soon"}]"#, "#/0/expires_at"),
        (#"[{"id":"backend1","sha256":"HASH","topic":{}}]"#, "#/0/topic"),
        (#"[{"id":"backend1","sha256":"HASH"},{"id":"backend1","sha256":"HASH"}]"#, "#/1/id"),
    ])
    func `a wrong list of API keys is refused where it is wrong`(text: String, place: String) {
        let text = text.replacing("HASH", with: APIKey.sha256(of: "x"))
        let error = #expect(throws: InputError.self) { try APIKeys(JSON(parsing: text)) }
        #expect(error?.pointer == place)
    }

    // MARK: Tokens

    @Test func `the sub of a token is the key, and its rights are those of the claim`() async throws {
        let credentials = try await secretCredentials()
        let caller = try credentials.caller(authorization: bearer(payload()), at: now)
        #expect(caller.identity == .user(try Key("alice")))
        #expect(caller.expiresAt == now + 600)
        #expect(try caller.writer(on: Topic("room:1")) == .own(Key("alice")))
    }

    @Test(arguments: [
        (#""exp":1799999970"#, "has expired"), (#""exp":1800086431"#, "over 24 hours"), (#""x":1"#, "has no exp"),
        (#""exp":"1800000600""#, "no number"), (#""exp":1800000600,"nbf":1800000031"#, "not valid yet"),
        (#""exp":1800000600,"iat":1800000031"#, "in the future"),
        (#""exp":1800000600,"aud":"other""#, "another audience"),
        (#""exp":1800000600,"rollcall":{"topics":{"a":["track:any"]}}"#, "wrong rights at #/rollcall/topics/a"),
        (#""exp":1800000600,"rollcall":[]"#, "wrong rights at #/rollcall"),
    ])
    func `a token with wrong claims is refused, and the reason is named`(claims: String, reason: String) async throws {
        let credentials = try await secretCredentials()
        let token = SampleToken.hs256(#"{"sub":"alice",\#(claims)}"#)
        let refusal = #expect(throws: Refusal.self) {
            try credentials.caller(authorization: "Bearer \(token)", at: now)
        }
        guard case .unauthenticated(let detail?) = refusal else {
            Issue.record("\(String(describing: refusal))"); return
        }
        #expect(detail.contains(reason))
    }

    @Test(arguments: [
        #""exp":1799999971"#, #""exp":1800086430"#, #""exp":1800000600.5"#, #""exp":1800000600,"nbf":1800000030"#,
        #""exp":1800000600,"iat":1800000030"#, #""exp":1800000600,"rollcall":{}"#,
    ])
    func `clocks may differ by 30 seconds`(claims: String) async throws {
        let credentials = try await secretCredentials()
        let token = SampleToken.hs256(#"{"sub":"alice",\#(claims)}"#)
        #expect(throws: Never.self) { try credentials.caller(authorization: "Bearer \(token)", at: now) }
    }

    @Test(arguments: [#""sub":"""#, #""sub":"a\u0000""#, #""sub":1"#, #""x":1"#])
    func `a sub that is no key is refused`(sub: String) async throws {
        let credentials = try await secretCredentials()
        let token = SampleToken.hs256(#"{\#(sub),"exp":1800000600}"#)
        #expect(throws: Refusal.self) { try credentials.caller(authorization: "Bearer \(token)", at: now) }
    }

    @Test func `a token that is malformed or forged is refused`() async throws {
        let credentials = try await secretCredentials()
        let good = SampleToken.hs256(payload())
        let parts = good.split(separator: ".").map(String.init)
        let none = SampleToken.base64URL(Array(#"{"alg":"none"}"#.utf8))
        let wrong = [
            "", "x", "a.b", "a.b.c", good + ".", good + "=", "." + good, parts[0] + "." + parts[1] + ".",
            "\(none).\(parts[1]).", "\(none).\(parts[1]).\(parts[2])",
            SampleToken.hs256(payload(), secret: Array("another secret, also of 32 bytes or more".utf8)),
            SampleToken.hs256(payload(), head: #"{"alg":"HS512"}"#),
            SampleToken.hs256(payload(), head: #"{"typ":"JWT"}"#),
            SampleToken.hs256(payload(), head: #"{"alg":"HS256","crit":["exp"]}"#),
            SampleToken.hs256(payload(), head: #"{"alg":"HS256","alg":"none"}"#), SampleToken.hs256("[]"),
            SampleToken.hs256(payload("alice").dropLast() + #","sub":"bob"}"#),
            SampleToken.hs256(
                SampleToken.payload(from: now, more: #""x":""# + String(repeating: "x", count: 8_192) + "\"")),
        ]
        for token in wrong {
            #expect(throws: Refusal.self, "\(token)") {
                try credentials.caller(authorization: "Bearer \(token)", at: now)
            }
        }
        #expect(throws: Never.self) { try credentials.caller(authorization: "Bearer \(good)", at: now) }
    }

    @Test func `each use of a token checks its times again`() async throws {
        let credentials = try await secretCredentials()
        let token = bearer(payload())
        _ = try credentials.caller(authorization: token, at: now)
        #expect(throws: Refusal.unauthenticated(detail: "The token has expired.")) {
            try credentials.caller(authorization: token, at: now + 630)
        }
    }

    @Test func `a key that is retired refuses its tokens, also verified ones`() async throws {
        let credentials = try await secretCredentials()
        let token = bearer(payload())
        let caller = try credentials.caller(authorization: token, at: now)
        #expect(credentials.holds(caller, at: now))
        credentials.replace(with: try await keys(.init(secret: "another secret, also of 32 bytes or more")))
        #expect(!credentials.holds(caller, at: now))
        #expect(throws: Refusal.self) { try credentials.caller(authorization: token, at: now) }
    }

    @Test func `the caller of a connection that stays is refused once its credential has ended or is revoked`()
        async throws
    {
        let credentials = try await secretCredentials()
        let caller = try credentials.caller(authorization: bearer(payload()), at: now)
        #expect(caller.userKey?.text == "alice")
        #expect(try credentials.current(caller, at: now + 629).identity == caller.identity)
        #expect(throws: Refusal.self) { try credentials.current(caller, at: now + 630) }

        let revocation = Revocation(.subject(try Key("alice")), at: now, issuedBefore: now)
        credentials.replace(revocations: Revocations([revocation]))
        #expect(throws: Refusal.self) { try credentials.current(caller, at: now + 1) }
        credentials.replace(revocations: .empty)
        credentials.replace(with: try await keys(.init(secret: "another secret, also of 32 bytes or more")))
        #expect(throws: Refusal.self) { try credentials.current(caller, at: now + 1) }
        #expect(try Credentials.open.current(.open, at: now).identity == .open)
        #expect(Caller.open.userKey == nil)
    }

    @Test func `iss and aud are checked when they are set`() async throws {
        var keys = try await keys(.init(secret: SampleToken.secret))
        keys.rules = TokenRules(issuer: "https://app.example", audience: "rollcall")
        let credentials = Credentials(keys, isOpen: false)
        let right = #""iss":"https://app.example","aud":["other","rollcall"]"#
        #expect(throws: Never.self) { try credentials.caller(authorization: bearer(payload(more: right)), at: now) }
        for wrong in [
            #""iss":"https://app.example""#, #""aud":"rollcall""#, #""iss":"https://app.example","aud":"other""#,
            #""iss":"https://app.example","aud":1"#, #""iss":["https://app.example"],"aud":"rollcall""#,
        ] {
            #expect(throws: Refusal.self) {
                try credentials.caller(authorization: bearer(payload(more: wrong)), at: now)
            }
        }
    }

    // MARK: Kinds of callers

    @Test func `without a credential an open node answers, and another refuses`() async throws {
        for none in [nil, "", "Bearer", "Bearer ", "Basic YWxpY2U6eA==", "Token abc"] {
            #expect(try Credentials.open.caller(authorization: none, at: now).identity == .open)
            let closed = try await secretCredentials()
            #expect(throws: Refusal.self) { try closed.caller(authorization: none, at: now) }
        }
        #expect(try Credentials.open.caller(authorization: "Bearer anything", at: now).identity == .open)
        let openWithKeys = Credentials(try await keys(.init(secret: SampleToken.secret)), isOpen: true)
        #expect(throws: Refusal.self) { try openWithKeys.caller(authorization: "Bearer anything", at: now) }
    }

    private func payload(_ subject: String = "alice", more: String = "") -> String {
        SampleToken.payload(subject, from: now, more: more)
    }

    private func bearer(_ payload: String) -> String { "Bearer " + SampleToken.hs256(payload) }

    private func apiKeys(_ text: String) throws -> Credentials {
        var keys = Credentials.Keys()
        keys.apiKeys = try APIKeys(JSON(parsing: text))
        return Credentials(keys, isOpen: false)
    }

    private func keys(_ tokenKeys: TokenKeys) -> Credentials.Keys {
        var keys = Credentials.Keys()
        keys.tokenKeys = tokenKeys
        return keys
    }

    private func secretCredentials() async throws -> Credentials {
        Credentials(keys(try await TokenKeys(secret: SampleToken.secret)), isOpen: false)
    }
}
