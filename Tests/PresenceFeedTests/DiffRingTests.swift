// Rollcall · PresenceFeedTests

import NIOCore
import Presence
import PresenceFeed
import Testing

@Suite("The ring of recent diffs")
struct DiffRingTests {
    private func joining(_ name: String) -> Change? {
        Change(member: Fixture.member(name), before: nil, after: Fixture.presence())
    }

    /// What is found when the replica stands where no cursor of these tests does.
    private func missed(_ cursor: Cursor, _ ring: DiffRing) -> DiffRing.Missed? {
        ring.missed(after: cursor, until: Fixture.at(1_000_000))
    }

    @Test("A cursor of any message finds all that came after it, also in the midst of what this node coalesced")
    func resuming() throws {
        var ring = DiffRing()
        for seq in 1...5 {
            ring.append(Fixture.step(seq, seq + 1, joining("user\(seq)")), at: .uptimeNanoseconds(UInt64(seq)))
        }
        #expect(try #require(missed(Fixture.at(3), ring)).diff.changes.count == 3)
        #expect(try #require(missed(Fixture.at(1), ring)).diff.changes.count == 5)
    }

    @Test("What the ring never reached or no longer holds is not resumed")
    func notFound() {
        var ring = DiffRing()
        for seq in 1...(DiffRing.maximumSteps + 3) {
            ring.append(Fixture.step(seq, seq + 1, joining("user\(seq)")), at: .uptimeNanoseconds(UInt64(seq)))
        }
        #expect(missed(Fixture.at(3), ring) == nil)
        #expect(missed(Fixture.at(4), ring) != nil)
        #expect(missed(Fixture.at(4, Fixture.other), ring) == nil)
        #expect(missed(.empty, ring) == nil)
    }

    @Test("A step that jumped can be resumed from before it, and not from inside it")
    func jumping() {
        var ring = DiffRing()
        ring.append(Fixture.step(1, 2, joining("alice")), at: .now())
        ring.append(Fixture.step(2, 9, joining("bob")), at: .now())
        #expect(missed(Fixture.at(2), ring) != nil)
        #expect(missed(Fixture.at(5), ring) == nil)
    }

    @Test("A new epoch empties it")
    func newEpoch() {
        var ring = DiffRing()
        ring.append(Fixture.step(1, 2, joining("alice")), at: .now())
        ring.append(ReplicaStep(from: Fixture.at(2), to: Fixture.at(1, Fixture.other), changes: []), at: .now())
        #expect(missed(Fixture.at(1), ring) == nil)
        #expect(missed(Fixture.at(2), ring) == nil)
    }

    @Test("Large steps push out old ones by the number of their changes")
    func weighing() {
        var ring = DiffRing()
        for seq in 1...10 {
            let changes = (0..<500).map { joining("user\(seq)-\($0)") }
            ring.append(
                ReplicaStep(from: Fixture.at(seq), to: Fixture.at(seq + 1), changes: changes.compactMap { $0 }),
                at: .now())
        }
        #expect(missed(Fixture.at(2), ring) == nil)
        #expect(missed(Fixture.at(3), ring) != nil)
    }

    @Test("It tells when this node stood at a cursor, as far as it remembers")
    func times() throws {
        var ring = DiffRing()
        #expect(try #require(ring.missed(after: Fixture.at(1), until: Fixture.at(1))).since == nil)
        for seq in 1...3 {
            ring.append(Fixture.step(seq, seq + 1, joining("user\(seq)")), at: .uptimeNanoseconds(UInt64(seq)))
        }
        #expect(try #require(missed(Fixture.at(1), ring)).since == nil)
        #expect(try #require(missed(Fixture.at(2), ring)).since == .uptimeNanoseconds(1))
        let present = try #require(ring.missed(after: Fixture.at(4), until: Fixture.at(4)))
        #expect(present.since == .uptimeNanoseconds(3) && present.diff.isEmpty)
    }
}
