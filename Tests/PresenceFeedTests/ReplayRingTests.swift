// Rollcall · PresenceFeedTests

import NIOCore
import PresenceModel
import PresenceFeed
import Testing

@Suite("The ring of recent diffs")
struct ReplayRingTests {
    private func joining(_ name: String) -> Change? {
        Change(member: Fixture.member(name), before: nil, after: Fixture.presence())
    }

    /// What is found when the replica stands where no cursor of these tests does.
    private func missed(_ cursor: Cursor, _ ring: ReplayRing) -> ReplayRing.Missed? {
        ring.missed(after: cursor, until: Fixture.at(1_000_000))
    }

    @Test func `A cursor of any message finds all that came after it, also in the midst of what this node coalesced`()
        throws
    {
        var ring = ReplayRing()
        for seq in 1...5 {
            ring.append(Fixture.step(seq, seq + 1, joining("user\(seq)")), at: .uptimeNanoseconds(UInt64(seq)))
        }
        #expect(try #require(missed(Fixture.at(3), ring)).diff.changes.count == 3)
        #expect(try #require(missed(Fixture.at(1), ring)).diff.changes.count == 5)
    }

    @Test func `A cursor that the ring never reached or no longer holds is not resumed`() {
        var ring = ReplayRing()
        for seq in 1...(ReplayRing.maximumSteps + 3) {
            ring.append(Fixture.step(seq, seq + 1, joining("user\(seq)")), at: .uptimeNanoseconds(UInt64(seq)))
        }
        #expect(missed(Fixture.at(3), ring) == nil)
        #expect(missed(Fixture.at(4), ring) != nil)
        #expect(missed(Fixture.at(4, Fixture.other), ring) == nil)
        #expect(missed(.empty, ring) == nil)
    }

    @Test func `A step that jumped can be resumed from before it, and not from inside it`() {
        var ring = ReplayRing()
        ring.append(Fixture.step(1, 2, joining("alice")), at: .now())
        ring.append(Fixture.step(2, 9, joining("bob")), at: .now())
        #expect(missed(Fixture.at(2), ring) != nil)
        #expect(missed(Fixture.at(5), ring) == nil)
    }

    @Test func `A new epoch empties the ring`() {
        var ring = ReplayRing()
        ring.append(Fixture.step(1, 2, joining("alice")), at: .now())
        ring.append(ReplicaStep(from: Fixture.at(2), to: Fixture.at(1, Fixture.other), changes: []), at: .now())
        #expect(missed(Fixture.at(1), ring) == nil)
        #expect(missed(Fixture.at(2), ring) == nil)
    }

    @Test func `Large steps push out old ones by the number of their changes`() {
        var ring = ReplayRing()
        for seq in 1...10 {
            let changes = (0..<500).map { joining("user\(seq)-\($0)") }
            ring.append(
                ReplicaStep(from: Fixture.at(seq), to: Fixture.at(seq + 1), changes: changes.compactMap { $0 }),
                at: .now())
        }
        #expect(missed(Fixture.at(2), ring) == nil)
        #expect(missed(Fixture.at(3), ring) != nil)
    }

    @Test func `The ring knows when this node had a cursor, as far back as it reaches`() throws {
        var ring = ReplayRing()
        #expect(try #require(ring.missed(after: Fixture.at(1), until: Fixture.at(1))).since == nil)
        for seq in 1...3 {
            ring.append(Fixture.step(seq, seq + 1, joining("user\(seq)")), at: .uptimeNanoseconds(UInt64(seq)))
        }
        #expect(try #require(missed(Fixture.at(1), ring)).since == nil)
        #expect(try #require(missed(Fixture.at(2), ring)).since == .uptimeNanoseconds(1))
        let present = try #require(ring.missed(after: Fixture.at(4), until: Fixture.at(4)))
        #expect(present.since == .uptimeNanoseconds(3) && present.diff.isEmpty)
    }

    private func step(_ seq: Int, metaBytes: Int) -> ReplicaStep {
        let meta = Meta(stored: Array(repeating: UInt8(ascii: "x"), count: metaBytes))
        let presence = Presence(ref: .random(), previous: nil, meta: meta)
        return Fixture.step(
            seq, seq + 1, Change(member: Fixture.member("user\(seq)"), before: nil, after: presence))
    }

    @Test func `large metas push out old steps by their bytes`() {
        var ring = ReplayRing()
        for seq in 1...10 {
            ring.append(step(seq, metaBytes: 1 << 20), at: .now())
            #expect(ring.bytes <= ReplayRing.maximumBytes)
        }
        #expect(missed(Fixture.at(7), ring) == nil)
        #expect(missed(Fixture.at(8), ring) != nil)
        ring.append(step(11, metaBytes: 5 << 20), at: .now())
        #expect(ring.bytes == 0 && missed(Fixture.at(11), ring) == nil, "a step above the bound is not kept")
        ring.append(step(12, metaBytes: 1), at: .now())
        #expect(missed(Fixture.at(12), ring) != nil)
    }

    @Test func `trimming drops the oldest steps, and what it keeps can be resumed`() {
        var ring = ReplayRing()
        for seq in 1...10 { ring.append(step(seq, metaBytes: 1000), at: .now()) }
        ring.trim(toBytes: ring.bytes / 2 + 100)
        #expect(missed(Fixture.at(5), ring) == nil)
        #expect(missed(Fixture.at(6), ring)?.diff.changes.count == 5)
        ring.trim(toBytes: 0)
        #expect(ring.bytes == 0 && missed(Fixture.at(10), ring) == nil)
    }
}
