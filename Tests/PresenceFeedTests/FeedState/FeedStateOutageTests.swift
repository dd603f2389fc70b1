// Rollcall · PresenceFeedTests

import NIOCore
import PresenceModel
import PresenceStore
import PresenceText
import Testing

@testable import PresenceFeed

/// Losses of Redis, and times in which it is away.
@Suite("The state of a feed while Redis is away or has lost data")
struct FeedStateOutageTests {
    private let alice = Fixture.presence()
    private let bob = Fixture.presence()

    private func at(_ seq: Int) -> Cursor { Fixture.at(seq) }

    // MARK: Losses

    private func lost(at seq: Int = 1, _ presences: [String: Presence] = [:], dataSet: String = "new@0") -> Snapshot {
        var snapshot = Fixture.snapshot(Fixture.at(seq, Fixture.other), presences)
        snapshot.source = DataSource(server: "other", dataSet: dataSet)
        return snapshot
    }

    /// A feed after its Redis restarted empty, and a client that knows all presences from before.
    private func restarted(_ presences: [String: Presence]) -> (FeedHarness, Client) {
        let feed = FeedHarness()
        feed.post(.acknowledged)
        var snapshot = Fixture.snapshot(at(5), presences)
        snapshot.source = DataSource(server: "first", dataSet: "old@0")
        feed.load(snapshot)
        let client = feed.connect()
        feed.redis = lost()
        feed.post(.positionDiffers)
        return (feed, client)
    }

    @Test func `losses of a new epoch wait, and a presence that came back without a message does not leave`() {
        let (feed, client) = restarted(["alice": alice, "bob": bob])
        feed.advance(by: .seconds(6))
        #expect(client.words == ["state alice bob"])
        feed.redis = lost(at: 2, ["alice": alice])
        feed.advance(by: .seconds(2))
        #expect(client.words == ["state alice bob", "diff -bob:lost"])
    }

    @Test func `losses that are due while Redis is away wait for its return, and then for the whole delay`() {
        let (feed, client) = restarted(["alice": alice])
        feed.post(.redisLost)
        feed.advance(by: .minutes(1))
        #expect(client.words == ["state alice", "degraded"])
        feed.post(.redisReturned)
        feed.advance(by: .seconds(6))
        #expect(client.words == ["state alice", "degraded"])
        feed.advance(by: .seconds(2))
        #expect(client.words == ["state alice", "degraded", "diff -alice:lost", "recovered"])
    }

    @Test func `a node that stood still delays losses again`() {
        let (feed, client) = restarted(["alice": alice])
        feed.stall(for: .seconds(20))
        feed.advance(by: .seconds(6))
        #expect(client.words == ["state alice"])
        feed.advance(by: .seconds(2))
        #expect(client.words == ["state alice", "diff -alice:lost"])
    }

    @Test func `a flapping connection does not delay losses for longer`() {
        let (feed, client) = restarted(["alice": alice])
        for _ in 0..<5 {
            feed.post(.redisReturned)
            feed.advance(by: .seconds(1))
        }
        feed.advance(by: .milliseconds(2_500))
        #expect(client.words == ["state alice", "diff -alice:lost"])
    }

    @Test func `a presence of heartbeats that another Redis lost is missing until it comes back or leaves`() {
        let (feed, _) = restarted(["alice": alice, "bob": bob, "carol": Fixture.presence()])
        #expect(Set(feed.state.missing.map(\.member.key.text)) == ["alice", "bob", "carol"])
        feed.receive(FeedMessage(cursor: Fixture.at(2, Fixture.other), records: [Fixture.set("alice", alice)]))
        #expect(Set(feed.state.missing.map(\.member.key.text)) == ["bob", "carol"])
        _ = feed.takeActions()
        feed.redis = lost(at: 2, ["alice": alice])
        feed.advance(by: .seconds(3))
        #expect(feed.takeActions().contains("requestSnapshot"), "missing presences are restored with another snapshot")
        #expect(feed.state.missing.count == 2)
        feed.advance(by: .seconds(8))
        #expect(feed.state.missing.isEmpty)
    }

    // MARK: Currency

    @Test func `a short loss of the connection sends nothing, and a longer one sends degraded once`() {
        let feed = FeedHarness(live: at(5), ["alice": alice])
        let client = feed.connect()
        feed.post(.disconnected)
        feed.advance(by: .milliseconds(500))
        feed.post(.acknowledged)
        feed.load(at(5), ["alice": alice])
        feed.advance(by: .seconds(5))
        #expect(client.words == ["state alice"])
        feed.post(.disconnected)
        feed.advance(by: .seconds(5))
        feed.post(.acknowledged)
        feed.load(at(5), ["alice": alice])
        #expect(client.words == ["state alice", "degraded", "recovered"])
    }

    @Test func `a feed that is made while Redis is away sends degraded, and later recovered`() {
        let feed = FeedHarness()
        feed.post(.redisLost)
        let client = feed.connect()
        feed.advance(by: .seconds(2))
        #expect(client.words == ["degraded"])
        feed.post(.redisReturned)
        feed.post(.acknowledged)
        feed.load(at(5), ["alice": alice])
        #expect(client.words == ["degraded", "state alice", "recovered"])
    }

    @Test func `a second loss after a long outage is restored, since its silence is short`() {
        let (feed, _) = restarted(["alice": alice])
        feed.post(.redisLost)
        feed.advance(by: .seconds(90))
        feed.post(.redisReturned)
        feed.receive(FeedMessage(cursor: Fixture.at(2, Fixture.other), records: [Fixture.set("alice", alice)]))
        #expect(feed.state.missing.isEmpty)
        var again = Fixture.snapshot(Fixture.at(1), [:])
        again.source = DataSource(server: "third", dataSet: "new@0")
        feed.redis = again
        feed.post(.positionDiffers)
        #expect(feed.state.missing.map(\.member.key.text) == ["alice"])
    }

    @Test func `1,000 messages while Redis is away set one timer`() {
        let feed = FeedHarness(live: at(5), ["alice": alice])
        feed.post(.redisLost)
        let timers = feed.pendingTimers.count
        for seq in 6...1_005 { feed.receive(Fixture.message(seq, Fixture.set("alice", Fixture.presence()))) }
        #expect(feed.pendingTimers.count <= timers + 1, "One more may be that of the next flush.")
    }

    @Test func `a live feed is degraded while Redis answers no commands, also for new subscribers`() {
        let feed = FeedHarness(live: at(5), ["alice": alice])
        let client = feed.connect()
        feed.post(.redisLost)
        feed.advance(by: .seconds(2))
        #expect(feed.connect().words == ["degraded", "state alice"])
        feed.receive(Fixture.message(6, Fixture.set("bob", bob)))
        feed.advance(by: .seconds(1))
        feed.post(.redisReturned)
        #expect(client.words == ["state alice", "degraded", "diff +bob", "recovered"])
    }

    @Test func `a subscriber gets degraded before recovered, also while losses are delayed and amid a flush`() {
        let (feed, _) = restarted(["alice": alice])
        feed.post(.redisLost)
        feed.advance(by: .seconds(2))
        feed.post(.redisReturned)
        let client = feed.connect(view: .keys)
        feed.advance(by: .seconds(8))
        #expect(client.words == ["degraded", "state", "recovered"])

        let other = FeedHarness(live: at(5), ["alice": alice], isEnriched: true)
        other.isHookAtOnce = false
        let early = other.connect()
        other.post(.redisLost)
        other.advance(by: .seconds(2))
        other.answerHook()
        other.post(.redisReturned)
        #expect(early.words == ["state alice", "degraded", "recovered"])
    }
}
