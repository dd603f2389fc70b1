// Rollcall · PresenceModelTests

import PresenceSamples
import RandomInput
import Testing

@testable import PresenceModel

@Suite("Rosters")
struct RosterTests {
    @Test func `Set and remove keep the counts of keys and presences`() throws {
        var roster = Roster()
        #expect(roster.isEmpty)
        #expect(try roster.set(presence("r1"), for: member("alice", "a")) == nil)
        #expect(try roster.set(presence("r2"), for: member("alice", "b")) == nil)
        #expect(try roster.set(presence("r3"), for: member("bob")) == nil)
        #expect(try roster.set(presence("r4", after: "r3"), for: member("bob")) == presence("r3"))
        #expect((roster.keyCount, roster.presenceCount) == (2, 3))
        #expect(try roster[member("bob")] == presence("r4", after: "r3"))
        #expect(try roster[member("bob", "other")] == nil)
        #expect(try roster.remove(member("alice", "c")) == nil)
        #expect(try roster.remove(member("carol")) == nil)
        #expect(try roster.remove(member("alice", "a")) == presence("r1"))
        #expect((roster.keyCount, roster.presenceCount) == (2, 2))
        #expect(try roster.remove(member("alice", "b")) == presence("r2"))
        #expect(try roster.entry(for: Key("alice")) == nil)
        #expect((roster.keyCount, roster.presenceCount) == (1, 1))
        #expect(try roster.remove(member("bob")) != nil)
        #expect(roster == Roster())
    }

    @Test func `Sessions of a key are in track order, and an update keeps its place`() throws {
        var roster = Roster()
        for session in ["c", "a", "b"] { try roster.set(presence(session), for: member("alice", session)) }
        try roster.set(presence("a2", after: "a"), for: member("alice", "a"))
        #expect(try roster.entry(for: Key("alice"))?.sessions.map(\.session.text) == ["c", "a", "b"])
        try roster.remove(member("alice", "c"))
        try roster.set(presence("c2"), for: member("alice", "c"))
        #expect(try roster.entry(for: Key("alice"))?.sessions.map(\.presence.ref) == [ref("a2"), ref("b"), ref("c2")])
    }

    @Test func `Rosters are equal when the same members have the same presences, in any order`() throws {
        let members = try ["a", "b", "c"].map { (member: try member("alice", $0), presence: try presence($0)) }
        #expect(Roster(members) == Roster(members.reversed()))
        #expect(Roster(members) != Roster(members.dropLast()))
        var other = Roster(members)
        try other.set(presence("z"), for: member("alice", "a"))
        #expect(Roster(members) != other)
    }

    @Test func `The differences of two rosters lead from one to the other`() throws {
        let seed = SplitMix.freshSeed()
        var generator = SplitMix(seed: seed)
        for _ in 0..<200 {
            var roster = try Self.random(using: &generator)
            let old = roster
            var new = old
            for _ in 0..<Int.random(in: 0...10, using: &generator) { try Self.step(&new, using: &generator) }
            let changes = new.differences(from: old)
            for change in changes { roster.apply(change) }
            #expect(roster == new, "seed \(seed)")
            #expect(Set(changes.map(\.member)).count == changes.count, "seed \(seed)")
            #expect(changes.allSatisfy { ($0.after == nil) == ($0.reason == .lost) }, "seed \(seed)")
            #expect(new.differences(from: new).isEmpty, "seed \(seed)")
        }
    }

    /// Few keys have many sessions, so that entries build an index, drop it and remove their gaps.
    @Test func `A roster behaves like a plain list`() throws {
        let seed = SplitMix.freshSeed()
        var generator = SplitMix(seed: seed)
        var roster = Roster()
        var list: [(member: Member, presence: Presence)] = []
        for step in 0..<4_000 {
            let member = try member(
                "k\(Int.random(in: 0..<2, using: &generator))", "s\(Int.random(in: 0..<60, using: &generator))")
            let known = list.firstIndex { $0.member == member }
            // Waves: mostly growing, then mostly shrinking.
            if generator.chance(step / 500 % 2 == 0 ? 80 : 20) {
                let presence = Presence(ref: .random(using: &generator), meta: .empty)
                #expect(roster.set(presence, for: member) == known.map { list[$0].presence }, "seed \(seed)")
                if let known { list[known].presence = presence } else { list.append((member, presence)) }
            } else {
                #expect(roster.remove(member) == known.map { list.remove(at: $0).presence }, "seed \(seed)")
            }
            let entry = roster.entry(for: member.key)
            let expected = list.filter { $0.member.key == member.key }
            #expect(entry?.sessions.map(\.session) ?? [] == expected.map(\.member.session), "seed \(seed)")
            #expect(entry?.sessions.map(\.presence) ?? [] == expected.map(\.presence), "seed \(seed)")
            #expect(roster[member] == expected.last { $0.member == member }?.presence, "seed \(seed)")
            #expect(roster.presenceCount == list.count, "seed \(seed)")
        }
    }

    /// A linear search of the sessions at each step would be more than 10⁹ comparisons.
    @Test(.timeLimit(.minutes(10)))
    func `Set and remove stay fast with 50,000 sessions of one key`() throws {
        var roster = Roster()
        let members = try (0..<50_000).map { try member("alice", "session-of-\($0)") }
        for member in members { roster.set(Presence(ref: .random(), meta: .empty), for: member) }
        #expect((roster.keyCount, roster.presenceCount) == (1, 50_000))
        for member in members.shuffled() { #expect(roster.remove(member) != nil) }
        #expect(roster.isEmpty)
    }

    private static func random(using generator: inout SplitMix) throws -> Roster {
        var roster = Roster()
        for _ in 0..<8 { try step(&roster, using: &generator) }
        return roster
    }

    private static func step(_ roster: inout Roster, using generator: inout SplitMix) throws {
        let member = try member(
            "k\(Int.random(in: 0..<4, using: &generator))", "s\(Int.random(in: 0..<2, using: &generator))")
        if generator.chance(60) {
            roster.set(Presence(ref: .random(using: &generator), meta: .empty), for: member)
        } else {
            roster.remove(member)
        }
    }
}
