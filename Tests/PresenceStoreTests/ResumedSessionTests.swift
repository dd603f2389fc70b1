// Rollcall · PresenceStoreTests

import PresenceModel
import Redis
import Testing

@testable import PresenceStore

@Suite("A stream that reconnects without its session")
struct ResumedSessionTests {
    let topic: Topic
    let key: Key

    init() throws {
        topic = try .sample()
        key = try Key("alice")
    }

    private func open(_ test: StoreUnderTest, owner: StreamOwner) async throws -> Member {
        let member = Member(key: key, session: .random())
        try await test.track(member, on: topic, owner: owner)
        return member
    }

    private func end(
        _ member: Member, _ owner: StreamOwner, of test: StoreUnderTest, isResumable: Bool = true
    ) async throws {
        let end = ReleaseItem(member: member, owner: owner, grace: 5, isResumable: isResumable)
        #expect(try await test.store.release([end], on: topic) == [true])
    }

    private func resume(_ test: StoreUnderTest, meta: String? = nil, owner: StreamOwner = .random()) async throws
        -> (outcome: TrackOutcome, member: Member)
    {
        let item = TrackItem(member: Member(key: key, session: .random()), meta: try meta.map { try Meta($0) })
        return try await test.store.resume(item, on: topic, owner: owner)
    }

    @Test func `A stream takes a generated session of its key in its grace, and each session is taken once`()
        async throws
    {
        try await withStore { test in
            let owners = (0..<2).map { _ in StreamOwner.random() }
            var members: [Member] = []
            for owner in owners { members.append(try await open(test, owner: owner)) }
            for (member, owner) in zip(members, owners) { try await end(member, owner, of: test) }
            let first = try await resume(test)
            let second = try await resume(test)
            let third = try await resume(test)
            #expect(first.outcome.isUnchanged && first.member == members[1])
            #expect(second.outcome.isUnchanged && second.member == members[0])
            #expect(third.outcome.isCreated && !members.contains(third.member))
        }
    }

    @Test func `A stream takes no session of another key, of an open stream, or that a client named`() async throws {
        try await withStore { test in
            let owner = StreamOwner.random()
            _ = try await open(test, owner: .random())
            let chosen = Member(key: key, session: try Session("chosen"))
            try await test.track(chosen, on: topic, owner: owner)
            try await end(chosen, owner, of: test, isResumable: false)
            let other = Member(key: try Key("bob"), session: .random())
            try await test.track(other, on: topic, owner: owner)
            try await end(other, owner, of: test)
            #expect(try await resume(test).outcome.isCreated)
        }
    }

    @Test func `A resume that is sent twice takes the same session`() async throws {
        try await withStore { test in
            let owner = StreamOwner.random()
            var members: [Member] = []
            for _ in 0..<2 {
                let member = try await open(test, owner: owner)
                members.append(member)
                try await end(member, owner, of: test)
            }
            let again = StreamOwner.random()
            let first = try await resume(test, owner: again)
            let second = try await resume(test, owner: again)
            #expect(first.member == members[1] && second.member == members[1])
            #expect(second.outcome.isUnchanged)
        }
    }

    @Test(arguments: [0, 5], [false, true])
    func `A release after a resume without a reply releases the session that the resume took`(
        grace: Int, isShared: Bool
    ) async throws {
        try await withStore { test in
            let (owner, again, other) = (StreamOwner.random(), StreamOwner.random(), StreamOwner.random())
            let taken = try await open(test, owner: owner)
            try await end(taken, owner, of: test)
            let fresh = Member(key: key, session: .random())
            #expect(try await test.store.resume(TrackItem(member: fresh), on: topic, owner: again).member == taken)
            if isShared { try await test.track(taken, on: topic, owner: other) }
            // The stream knows only the session that it asked for.
            let release = ReleaseItem(member: fresh, owner: again, grace: grace, isResumable: true)
            #expect(try await test.store.release([release, release], on: topic) == [true, false])
            let value = try await test.value(of: taken, on: topic)
            if isShared {
                #expect(value?.contains(" 30,\(other) ") == true)
                #expect(try await test.holders(of: taken, on: topic).isEmpty)
            } else {
                #expect(grace == 0 ? value == nil : value?.contains(" 30,- ") == true)
            }
        }
    }

    @Test func `A resume with another meta updates the session that it takes`() async throws {
        try await withStore { test in
            let owner = StreamOwner.random()
            let member = try await open(test, owner: owner)
            try await end(member, owner, of: test)
            let resumed = try await resume(test, meta: #"{"n":1}"#)
            #expect(resumed.outcome.isChanged && resumed.member == member)
            #expect(resumed.outcome.receipt?.previous != nil)
        }
    }

    @Test func `At most 4 sessions of a key can be resumed, and an audit drops unusable entries`() async throws {
        try await withStore { test in
            let owner = StreamOwner.random()
            var members: [Member] = []
            for _ in 0..<6 {
                let member = try await open(test, owner: owner)
                members.append(member)
                try await end(member, owner, of: test)
            }
            var taken: [Member] = []
            for _ in 0..<5 { taken.append(try await resume(test).member) }
            #expect(Array(taken.prefix(4)) == members.suffix(4).reversed() && !members.contains(taken[4]))
            #expect(try await test.redis("HLEN", test.keys(topic).holders).int == 1)
            #expect(try await test.store.audit(topic) == Audit())
            #expect(try await test.redis("EXISTS", test.keys(topic).holders).int == 0)
        }
    }
}
