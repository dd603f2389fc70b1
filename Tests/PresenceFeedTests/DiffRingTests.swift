// Rollcall · PresenceFeedTests

import Presence
import PresenceFeed
import Testing

@Suite("The ring of recent diffs")
struct DiffRingTests {
    private func joining(_ name: String) -> Change? {
        Change(member: Fixture.member(name), before: nil, after: Fixture.presence())
    }

    @Test("A cursor of any message finds all that came after it, also in the midst of what this node coalesced")
    func resuming() throws {
        var ring = DiffRing()
        for seq in 1...5 { ring.append(Fixture.step(seq, seq + 1, joining("user\(seq)"))) }
        #expect(try #require(ring.changes(after: Fixture.at(3))).changes.count == 3)
        #expect(try #require(ring.changes(after: Fixture.at(1))).changes.count == 5)
    }

    @Test("What the ring never reached or no longer holds is not resumed")
    func notFound() {
        var ring = DiffRing()
        for seq in 1...(DiffRing.maximumSteps + 3) { ring.append(Fixture.step(seq, seq + 1, joining("user\(seq)"))) }
        #expect(ring.changes(after: Fixture.at(3)) == nil)
        #expect(ring.changes(after: Fixture.at(4)) != nil)
        #expect(ring.changes(after: Fixture.at(4, Fixture.other)) == nil)
        #expect(ring.changes(after: .empty) == nil)
    }

    @Test("A step that jumped can be resumed from before it, and not from inside it")
    func jumping() {
        var ring = DiffRing()
        ring.append(Fixture.step(1, 2, joining("alice")))
        ring.append(Fixture.step(2, 9, joining("bob")))
        #expect(ring.changes(after: Fixture.at(2)) != nil)
        #expect(ring.changes(after: Fixture.at(5)) == nil)
    }

    @Test("A new epoch empties it")
    func newEpoch() {
        var ring = DiffRing()
        ring.append(Fixture.step(1, 2, joining("alice")))
        ring.append(ReplicaStep(from: Fixture.at(2), to: Fixture.at(1, Fixture.other), changes: []))
        #expect(ring.changes(after: Fixture.at(1)) == nil)
        #expect(ring.changes(after: Fixture.at(2)) == nil)
    }

    @Test("Large steps push out old ones by the number of their changes")
    func weighing() {
        var ring = DiffRing()
        for seq in 1...10 {
            let changes = (0..<500).map { joining("user\(seq)-\($0)") }
            ring.append(ReplicaStep(from: Fixture.at(seq), to: Fixture.at(seq + 1), changes: changes.compactMap { $0 }))
        }
        #expect(ring.changes(after: Fixture.at(2)) == nil)
        #expect(ring.changes(after: Fixture.at(3)) != nil)
    }
}
