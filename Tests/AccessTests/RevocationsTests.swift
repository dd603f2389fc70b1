// Rollcall · AccessTests

import AccessSamples
import JSONText
import PresenceModel
import Testing

@testable import Access

@Suite("Revocations and removals")
struct RevocationsTests {
    private static let now = 1_800_000_000.0
    private let now = Self.now
    private let alice: Key
    private let bob: Key
    private let room: Topic

    init() throws { (alice, bob, room) = (try Key("alice"), try Key("bob"), try Topic("room")) }

    private func user(_ key: Key, issuedAt: Double? = Self.now - 10, jti: String? = nil) -> Caller {
        Caller(.user(key), rights: Rights(), credential: .token(key: [1], issuedAt: issuedAt, jti: jti))
    }

    private func backend(_ id: String) -> Caller {
        Caller(.apiKey(id), rights: Rights(), credential: .apiKey(id: id, entry: [1]))
    }

    // MARK: Revocations

    /// The `iat` of a token beside the time of its revocation, and whether the token is refused.
    @Test(
        arguments: [
            (-10, true), (-0.001, true), (0, false), (0.5, false), (30, false), (nil, true),
        ] as [(Double?, Bool)])
    func `A token of a revoked user is refused if its iat is earlier or missing`(age: Double?, isRefused: Bool) {
        let revocations = Revocations([Revocation(.subject(alice), at: now, issuedBefore: now)])
        let issuedAt = age.map { now + $0 }
        #expect(revocations.refuses(user(alice, issuedAt: issuedAt), at: now) == isRefused)
        #expect(!revocations.refuses(user(bob, issuedAt: issuedAt), at: now))
    }

    @Test func `Until refuse_until each token of the user is refused, and later only those with an earlier iat`() {
        let revocation = Revocation(.subject(alice), at: now, issuedBefore: now, refuseUntil: now + 100)
        let revocations = Revocations([revocation])
        for (later, new, old) in [
            (0, true, true), (99.9, true, true), (100, false, true), (86_459, false, true),
        ] as [(Double, Bool, Bool)] {
            #expect(revocations.refuses(user(alice, issuedAt: now + 50), at: now + later) == new, "\(later)")
            #expect(revocations.refuses(user(alice), at: now + later) == old, "\(later)")
        }
    }

    @Test func `A revocation of tokens is kept as long as a token may live, or as refuse_until asks for`() {
        let day = 86_400.0 + 60
        for (issuedBefore, refuseUntil, end) in [
            (now, nil, now + day), (now - 1000, nil, now + day), (now + 500, nil, now + 500 + day),
            (now, now + 60, now + day), (now, now + 2 * day, now + 2 * day),
        ] as [(Double, Double?, Double)] {
            let revocation = Revocation(
                .subject(alice), at: now, issuedBefore: issuedBefore, refuseUntil: refuseUntil)
            #expect(revocation.end == end)
            #expect(!revocation.hasEnded(at: end - 1) && revocation.hasEnded(at: end))
            let revocations = Revocations([revocation])
            #expect(revocations.refuses(user(alice, issuedAt: nil), at: end - 1))
            #expect(!revocations.refuses(user(alice, issuedAt: nil), at: end))
        }
    }

    @Test func `A revoked jti refuses the tokens with it, of any time unless a time is named`() {
        let all = Revocations([Revocation(.token("a"), at: now)])
        #expect(all.refuses(user(alice, issuedAt: now + 30, jti: "a"), at: now))
        #expect(!all.refuses(user(alice, jti: "b"), at: now) && !all.refuses(user(alice), at: now))
        let earlier = Revocations([Revocation(.token("a"), at: now, issuedBefore: now)])
        #expect(earlier.refuses(user(alice, jti: "a"), at: now))
        #expect(!earlier.refuses(user(alice, issuedAt: now + 1, jti: "a"), at: now))
    }

    @Test func `A revoked API key is refused until the time that is named, or until it is lifted`() {
        let forever = Revocation(.apiKey("backend1"), at: now)
        #expect(forever.end == nil && !forever.hasEnded(at: now + 1e9))
        #expect(Revocations([forever]).refuses(backend("backend1"), at: now + 1e9))
        #expect(!Revocations([forever]).refuses(backend("backend2"), at: now))
        let limited = Revocations([Revocation(.apiKey("backend1"), at: now, refuseUntil: now + 5)])
        #expect(limited.refuses(backend("backend1"), at: now + 4) && !limited.refuses(backend("backend1"), at: now + 5))
    }

    @Test func `Callers without a credential are never revoked`() throws {
        let targets: [Revocation.Target] = [.subject(alice), .token("a"), .apiKey("backend1")]
        let revocations = Revocations(targets.map { Revocation($0, at: now) })
        #expect(!revocations.refuses(.open, at: now) && !revocations.refuses(.withoutRights, at: now))
    }

    @Test func `Sets are compared by ids`() {
        let (one, two) = (Revocation(.subject(alice), at: now), Revocation(.subject(alice), at: now))
        let both = Revocations([one, two, one])
        #expect(both.count == 2 && Set(both.all) == [one, two])
        #expect(both.missing(in: Revocations([one])) == [two] && Revocations([one]).missing(in: both).isEmpty)
    }

    // MARK: Use by credentials

    private func credentials(_ revocations: Revocations? = nil) async throws -> Credentials {
        var keys = Credentials.Keys()
        keys.tokenKeys = try await TokenKeys(secret: SampleToken.secret)
        let credentials = Credentials(keys, isOpen: false, readsRevocations: true)
        if let revocations { credentials.replace(revocations: revocations) }
        return credentials
    }

    private func bearer(_ more: String, rights: String = #"{"topic_prefixes":{"":["track","see"]}}"#) -> String {
        "Bearer " + SampleToken.hs256(SampleToken.payload(rights: rights, from: now, more: more))
    }

    @Test func `Each use of a token asks, also one that was verified before`() async throws {
        let credentials = try await credentials()
        #expect(credentials.awaitsRevocations)
        let token = bearer(#""iat":1799999990,"jti":"a""#)
        let caller = try credentials.caller(authorization: token, at: now)
        credentials.replace(revocations: Revocations([Revocation(.token("a"), at: now)]))
        #expect(!credentials.awaitsRevocations && credentials.revocations.refuses(caller.kept, at: now))
        #expect(throws: Refusal.unauthenticated(detail: "The token was revoked.")) {
            try credentials.caller(authorization: token, at: now)
        }
        credentials.replace(with: Credentials.Keys())
        #expect(!credentials.awaitsRevocations && !credentials.revocations.isEmpty)
    }

    @Test func `A jti that is no text, or longer than 256 bytes, names no token`() async throws {
        let long = String(repeating: "a", count: 257)
        let credentials = try await credentials(
            Revocations([Revocation(.token(long), at: now), Revocation(.token("1"), at: now)]))
        for claim in [#""jti":"\#(long)""#, #""jti":1"#] {
            #expect(throws: Never.self) { try credentials.caller(authorization: bearer(claim), at: now) }
        }
    }

    @Test func `A ticket of a revoked credential opens nothing`() async throws {
        let credentials = try await credentials()
        let caller = try credentials.caller(authorization: bearer(#""iat":1799999990,"jti":"a""#), at: now)
        let ticket = Ticket(
            of: caller, at: now, topics: [room], isOfManyTopics: false, see: .full, presence: nil, origin: nil)
        for target in [Revocation.Target.subject(alice), .token("a")] {
            let stored = try #require(Ticket(record: try ticket.record()))
            credentials.replace(revocations: .empty)
            #expect(throws: Never.self) { try stored.check(origin: nil, by: credentials, at: now) }
            credentials.replace(revocations: Revocations([Revocation(target, at: now, issuedBefore: now)]))
            #expect(throws: Refusal.ticket("is of a credential that was revoked")) {
                try stored.check(origin: nil, by: credentials, at: now)
            }
        }
    }

    // MARK: Removals

    @Test func `A removed user is refused on the topic for 60 seconds, and nowhere else`() async throws {
        let credentials = try await credentials(
            Revocations([Revocation.removal(of: alice, nil, from: room, at: now)]))
        for (later, seconds) in [(0.0, 60), (0.5, 60), (59.5, 1), (60, nil)] as [(Double, Int?)] {
            let user = try credentials.caller(authorization: bearer(#""x":1"#), at: now + later)
            let decisions: [() throws -> Void] = [
                { _ = try user.writer(on: room) }, { _ = try user.view(of: room, wanted: nil) },
                { _ = try user.view(of: alice, on: room) }, { try user.requireWriting(alice, on: room) },
                { try user.requireFollowing([try Topic("other"), room]) },
            ]
            for decide in decisions {
                if let seconds {
                    #expect(throws: Refusal.removed(topic: "room", seconds: seconds)) { try decide() }
                } else {
                    #expect(throws: Never.self) { try decide() }
                }
            }
            #expect(throws: Never.self) { try user.writer(on: Topic("other")) }
        }
    }

    @Test func `Other callers may not track a removed key, and may do all else`() throws {
        let revocations = Revocations([Revocation.removal(of: alice, nil, from: room, at: now)])
        for caller in [Caller.open, backend("backend1"), user(bob)] {
            let caller = caller.knowing(revocations, at: now)
            let member = Member(key: alice, session: try Session("s"))
            #expect(throws: Refusal.removed(topic: "room", seconds: 60)) {
                try caller.requireTracking(member, on: room)
            }
            #expect(throws: Refusal.removed(topic: "room", seconds: 60)) {
                try caller.requireFollowing([room], as: member)
            }
            #expect(throws: Never.self) { try caller.requireFollowing([room]) }
            #expect(throws: Never.self) { try caller.requireTracking(member, on: Topic("other")) }
        }
        #expect(throws: Never.self) { try Caller.open.knowing(revocations, at: now).requireWriting(alice, on: room) }
    }

    @Test func `A removal of one session leaves the others alone`() throws {
        let session = try Session("old")
        let revocations = Revocations([Revocation.removal(of: alice, session, from: room, at: now)])
        let user = user(alice).knowing(revocations, at: now)
        #expect(throws: Refusal.removed(topic: "room", seconds: 60)) {
            try user.requireTracking(Member(key: alice, session: session), on: room)
        }
        #expect(throws: Never.self) { try user.requireTracking(Member(key: alice, session: Session("new")), on: room) }
        #expect(throws: Never.self) { try user.requireFollowing([room]) }
        #expect(revocations.refusal(of: user, on: [room], at: now) == nil)
    }

    @Test func `A stream ends with its credential, and where its user was removed`() throws {
        let other = try Topic("other")
        let revoked = Revocations([Revocation(.subject(alice), at: now, issuedBefore: now)])
        #expect(
            revoked.refusal(of: user(alice), on: [other], at: now)
                == .unauthenticated(detail: "The token was revoked."))
        #expect(revoked.refusal(of: user(bob), on: [other], at: now) == nil)
        let key = Revocations([Revocation(.apiKey("backend1"), at: now)])
        #expect(
            key.refusal(of: backend("backend1"), on: [other], at: now)
                == .unauthenticated(detail: "The API key backend1 was revoked."))
        let removed = Revocations([Revocation.removal(of: alice, nil, from: room, at: now)])
        #expect(removed.refusal(of: user(alice), on: [other, room], at: now) == .removed(topic: "room", seconds: 60))
        #expect(removed.refusal(of: user(alice), on: [other], at: now) == nil)
        #expect(removed.refusal(of: backend("backend1"), on: [room], at: now) == nil)
    }

    // MARK: Records

    @Test func `A record is read as it was written`() throws {
        let targets: [Revocation.Target] = [
            .subject(alice), .token("a\"b"), .apiKey("backend1"), .removed(bob, nil, from: room),
            .removed(bob, try Session("s"), from: room),
        ]
        let times: [(Double?, Double?)] = [(nil, nil), (now + 0.125, nil), (nil, now + 1), (now, now)]
        for target in targets {
            for (before, until) in times {
                let written = Revocation(target, at: now + 0.001, issuedBefore: before, refuseUntil: until)
                #expect(Revocation(id: written.id, record: written.record()) == written)
            }
        }
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"sub":"alice"}"#, #"{"sub":"","made":1}"#, #"{"made":1}"#, #"{"topic":"a","made":1}"#,
        #"{"topic":"a","key":"k","session":"?","made":1}"#, #"{"topic":"a","key":"k","session":1,"made":1}"#,
        #"{"sub":"alice","made":1e400}"#, #"{"sub":"alice","made":1,"refuse_until":"never"}"#,
        #"{"sub":"alice","made":1,"issued_before":1e15}"#,
    ])
    func `A record that Rollcall did not write is none`(text: String) {
        let id = "AAAAAAAAAAAAAAAA"
        #expect(Revocation(id: id, record: Array(text.utf8)) == nil)
        #expect(Revocation(id: id, record: Array(#"{"sub":"alice","made":1}"#.utf8)) != nil)
        #expect(Revocation(id: "short", record: Array(#"{"sub":"alice","made":1}"#.utf8)) == nil)
    }
}
