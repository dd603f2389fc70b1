// Rollcall · PresenceFeedTests

import NIOCore
import PresenceModel
import PresenceFeed
import PresenceStore
import RandomInput
import TestSupport
import Testing

@Suite("The replica of a topic")
struct TopicReplicaTests {
    let alice = Fixture.presence()
    let bob = Fixture.presence()

    private func live(at seq: Int = 5, _ presences: [String: Presence] = [:]) -> TopicReplica {
        var replica = TopicReplica()
        replica.beginLoading()
        _ = replica.load(Fixture.snapshot(Fixture.at(seq), presences), ticket: replica.loadTicket)
        return replica
    }

    @Test func `A replica begins with its first snapshot, which is no change`() {
        var replica = TopicReplica()
        replica.beginLoading()
        let outcome = replica.load(Fixture.snapshot(Fixture.at(5), ["alice": alice]), ticket: replica.loadTicket)
        #expect(outcome.steps.isEmpty && !outcome.needsSnapshot)
        #expect(replica.isLive && replica.cursor == Fixture.at(5))
        #expect(replica.roster[Fixture.member("alice")] == alice)
    }

    @Test func `The next message in the epoch is applied`() throws {
        var replica = live()
        let outcome = replica.receive(Fixture.message(6, Fixture.set("alice", alice)))
        let step = try #require(outcome.steps.first)
        #expect(step.from == Fixture.at(5) && step.to == Fixture.at(6))
        #expect(step.changes.map(\.after) == [alice])
        #expect(replica.cursor == Fixture.at(6))
    }

    @Test func `A message that was applied already is dropped`() {
        var replica = live(at: 5, ["alice": alice])
        let outcome = replica.receive(Fixture.message(5, .leave(Fixture.member("alice"), .untracked)))
        #expect(outcome.steps.isEmpty && !outcome.needsSnapshot)
        #expect(replica.roster.presenceCount == 1)
    }

    @Test func `A gap asks for a snapshot, and its difference is one step`() throws {
        var replica = live(at: 5, ["alice": alice])
        #expect(replica.receive(Fixture.message(8, Fixture.set("bob", bob))).needsSnapshot)
        #expect(!replica.isLive)
        let outcome = replica.load(Fixture.snapshot(Fixture.at(8), ["bob": bob]), ticket: replica.loadTicket)
        let step = try #require(outcome.steps.first)
        #expect(outcome.steps.count == 1 && step.to == Fixture.at(8))
        #expect(Set(step.changes.map(\.member.key.text)) == ["alice", "bob"])
        #expect(step.changes.first { $0.after == nil }?.reason == .lost)
        #expect(!step.losesPresences)  // The epoch is the same: nothing was lost but messages.
    }

    @Test func `Another epoch asks for a snapshot, and marks presences that are missing from it as lost`() throws {
        var replica = live(at: 5, ["alice": alice])
        #expect(replica.receive(Fixture.message(1, in: Fixture.other, Fixture.set("bob", bob))).needsSnapshot)
        let outcome = replica.load(
            Fixture.snapshot(Fixture.at(1, Fixture.other), ["bob": bob]), ticket: replica.loadTicket)
        #expect(try #require(outcome.steps.first).losesPresences)
    }

    @Test func `Presences of heartbeats can be restored if Redis lost them, and not if the replica missed their leave`()
        throws
    {
        let (first, failover) = (DataSource(server: "a", dataSet: "x@1"), DataSource(server: "b", dataSet: "x@1"))
        let wiped = DataSource(server: "a", dataSet: "y@90000")
        let cases: [(DataSource, silence: TimeAmount, now: Int64, restores: Bool)] = [
            (first, .zero, 100_000, false), (failover, .seconds(44), 100_000, true),
            (failover, .seconds(46), 100_000, false), (wiped, .seconds(900), 100_000, true),
            (wiped, .zero, 136_000, false), (DataSource(server: "a"), .seconds(900), 100_000, true),
        ]
        for (source, silence, now, restores) in cases {
            var replica = TopicReplica()
            func load(_ cursor: Cursor, _ stored: [String: StoredPresence], from source: DataSource) -> [ReplicaStep] {
                replica.beginLoading()
                var snapshot = Snapshot(cursor: cursor, now: now, presences: [])
                snapshot.presences = stored.map { (Fixture.member($0.key), $0.value) }
                snapshot.source = source
                return replica.load(snapshot, ticket: replica.loadTicket, after: silence).steps
            }
            let kept = StoredPresence(presence: alice, ttl: 45)
            let bound = StoredPresence(presence: bob, ttl: 30, owner: .stream(.random()))
            let steps = load(Fixture.at(1), ["alice": kept, "bob": bound, "eve": kept], from: first)
            #expect(steps.isEmpty)
            let taken = StoredPresence(presence: Fixture.presence(), ttl: 30, owner: .stream(.random()))
            _ = replica.receive(Fixture.message(2, .set(Fixture.member("eve"), taken)))
            let lost = load(Fixture.at(1, Fixture.other), [:], from: source)
            let expected = restores ? [Fixture.member("alice"): kept] : [:]
            #expect(try #require(lost.first).restorable == expected, "\(source), \(silence), \(now)")
        }
    }

    @Test func `The first message of a topic that was empty is its own snapshot`() throws {
        var replica = live(at: 5)
        let outcome = replica.receive(Fixture.message(1, in: Fixture.other, whole: true, Fixture.set("bob", bob)))
        #expect(!outcome.needsSnapshot)
        #expect(try #require(outcome.steps.first).changes.count == 1)
        #expect(replica.cursor == Fixture.at(1, Fixture.other))
    }

    @Test
    func `A replica with presences loads a snapshot instead of a whole state, which may be older`() {
        var replica = live(at: 5, ["alice": alice])
        #expect(
            replica.receive(Fixture.message(1, in: Fixture.other, whole: true, Fixture.set("bob", bob))).needsSnapshot)
        #expect(replica.roster[Fixture.member("alice")] == alice)
    }

    @Test func `Messages that arrive before the snapshot wait for it; those it holds already are dropped`() {
        var replica = TopicReplica()
        replica.beginLoading()
        _ = replica.receive(Fixture.message(4, Fixture.set("alice", alice)))
        _ = replica.receive(Fixture.message(5, Fixture.set("bob", bob)))
        _ = replica.receive(Fixture.message(6, .leave(Fixture.member("alice"), .untracked)))
        let outcome = replica.load(
            Fixture.snapshot(Fixture.at(5), ["alice": alice, "bob": bob]), ticket: replica.loadTicket)
        #expect(outcome.steps.map(\.to) == [Fixture.at(6)])
        #expect(replica.roster.keyCount == 1 && replica.cursor == Fixture.at(6))
    }

    @Test func `A snapshot asked for before the last loading began is not taken`() {
        var replica = live(at: 5, ["alice": alice])
        let old = replica.loadTicket
        _ = replica.receive(Fixture.message(8, Fixture.set("bob", bob)))
        let outcome = replica.load(Fixture.snapshot(Fixture.at(3), [:]), ticket: old)
        #expect(outcome.steps.isEmpty && !replica.isLive)
        #expect(replica.roster[Fixture.member("alice")] == alice)
    }

    @Test func `More messages than may be held are dropped, and another snapshot is asked for`() {
        var replica = TopicReplica()
        replica.beginLoading()
        for seq in 1...(TopicReplica.maximumPending + 10) {
            _ = replica.receive(Fixture.message(seq, Fixture.set("alice", alice)))
        }
        #expect(replica.load(Fixture.snapshot(Fixture.at(1), [:]), ticket: replica.loadTicket).needsSnapshot)
        let outcome = replica.load(Fixture.snapshot(Fixture.at(2000), [:]), ticket: replica.loadTicket)
        #expect(!outcome.needsSnapshot && replica.isLive)
    }

    @Test func `messages that wait for a snapshot are bounded in bytes, too`() {
        var replica = TopicReplica()
        replica.beginLoading()
        let meta = Meta(stored: Array(repeating: UInt8(ascii: "x"), count: 1 << 20))
        let large = Presence(ref: .random(), previous: nil, meta: meta)
        for seq in 1...16 { _ = replica.receive(Fixture.message(seq, Fixture.set("alice", large))) }
        #expect(replica.load(Fixture.snapshot(Fixture.at(1), [:]), ticket: replica.loadTicket).needsSnapshot)
        for seq in 17...20 { _ = replica.receive(Fixture.message(seq, Fixture.set("alice", large))) }
        let outcome = replica.load(Fixture.snapshot(Fixture.at(16), ["alice": large]), ticket: replica.loadTicket)
        #expect(!outcome.needsSnapshot && replica.cursor == Fixture.at(20))
    }

    @Test func `Without a connection nothing is applied`() {
        var replica = live(at: 5)
        replica.detach()
        let outcome = replica.receive(Fixture.message(6, Fixture.set("alice", alice)))
        #expect(outcome.steps.isEmpty && replica.roster.isEmpty && !replica.isLive)
    }

    @Test func `An empty replica has reached a Redis without a position, and a full one has not`() {
        #expect(live(at: 5).hasReached(to: .empty))
        #expect(!live(at: 5, ["alice": alice]).hasReached(to: .empty))
        #expect(live(at: 5, ["alice": alice]).hasReached(to: Fixture.at(5)))
        #expect(live(at: 5).hasReached(to: Fixture.at(4)), "the position was read before the last message came")
        #expect(!live(at: 5).hasReached(to: Fixture.at(6)))
    }

    /// With messages lost, repeated or overtaken, a replica that is live and at the publisher's position holds its state.
    @Test(arguments: 0..<50)
    func `Random losses and late snapshots never leave a replica wrong`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var truth = Roster(), epoch = Epoch.random(), seq = 0
        var replica = TopicReplica()
        var pending: (Snapshot, Int)?
        replica.beginLoading()

        func snapshot() -> (Snapshot, Int) {
            var presences: [(member: Member, stored: StoredPresence)] = []
            truth.forEach { presences.append((member: $0, stored: Fixture.stored($1))) }
            let cursor = seq == 0 ? Cursor.empty : Cursor(epoch: epoch, seq: seq)
            return (Snapshot(cursor: cursor, now: 0, presences: presences), replica.loadTicket)
        }

        var checks = 0
        for _ in 0..<400 {
            let member = Fixture.member("user\(random.next() % 4)")
            let wasEmpty = truth.isEmpty
            if wasEmpty {
                epoch = .random()
                seq = 0
            }
            let record: FeedMessage.Record
            if truth[member] != nil, random.next() % 3 != 0 {
                truth.remove(member)
                record = .leave(member, .untracked)
            } else {
                let presence = Fixture.presence()
                truth.set(presence, for: member)
                record = .set(member, Fixture.stored(presence))
            }
            seq += 1
            let message = FeedMessage(
                cursor: Cursor(epoch: epoch, seq: seq), isWholeState: wasEmpty, records: [record])
            if truth.isEmpty { seq = 0 }

            if random.next() % 10 != 0 { _ = replica.receive(message) }
            if !replica.isLive, pending == nil || random.next() % 2 == 0 { pending = snapshot() }
            if random.next() % 4 == 0, let (state, ticket) = pending {
                _ = replica.load(state, ticket: ticket)
                pending = nil
            }
            let position = seq == 0 ? Cursor.empty : Cursor(epoch: epoch, seq: seq)
            if replica.isLive, replica.hasReached(to: position) {
                checks += 1
                #expect(replica.roster == truth, "seed \(seed)")
            }
        }
        #expect(checks > 0, "seed \(seed)")
    }
}
