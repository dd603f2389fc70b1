// Rollcall · PresenceFeedTests

import NIOCore
import PresenceModel
import PresenceStore
import Testing

@testable import PresenceFeed

/// Every fault that once concerned a feed, as one history each.
@Suite("The state of a feed under faults")
struct FeedStateFaultTests {
    private let alice = Fixture.presence()
    private let bob = Fixture.presence()

    private func at(_ seq: Int) -> Cursor { Fixture.at(seq) }

    private func leave(_ name: String) -> FeedMessage.Record { .leave(Fixture.member(name), .untracked) }

    // MARK: Messages and snapshots

    @Test func `a missing message causes one diff from a snapshot`() {
        let feed = FeedHarness(live: at(5), ["alice": alice])
        let client = feed.connect()
        feed.receive(Fixture.message(8, leave("alice")))
        #expect(feed.tickets.count == 1)
        feed.load(at(8), ["bob": bob])
        #expect(client.words == ["state alice", "diff +bob -alice:lost"])
        #expect(client.cursor == at(8))
    }

    @Test func `messages that a snapshot overtook are applied once`() {
        let feed = FeedHarness()
        let client = feed.connect()
        feed.post(.acknowledged)
        feed.receive(Fixture.message(6, Fixture.set("alice", alice)))
        feed.receive(Fixture.message(7, Fixture.set("bob", bob)))
        feed.load(at(6), ["alice": alice])
        #expect(client.roster == ["alice", "bob"] && client.cursor == at(7))
    }

    @Test func `a snapshot for an earlier request is ignored`() {
        let feed = FeedHarness(live: at(5), ["alice": alice])
        feed.post(.snapshot(Fixture.snapshot(at(9), [:]), ticket: 0))
        #expect(feed.state.live?.cursor == at(5))
    }

    @Test func `after a cut connection and silence the difference is sent`() {
        let feed = FeedHarness(live: at(5), ["alice": alice])
        let client = feed.connect()
        feed.post(.disconnected)
        feed.receive(Fixture.message(6, Fixture.set("bob", bob)))
        feed.post(.acknowledged)
        feed.load(at(6), ["alice": alice, "bob": bob])
        #expect(client.words == ["state alice", "diff +bob"])
    }

    @Test func `a lost last message is found by its position, and a replica that is ahead is not behind`() {
        let feed = FeedHarness(live: at(5), ["alice": alice])
        #expect(feed.state.hasReached(at(5)) && feed.state.hasReached(at(4)) && !feed.state.hasReached(at(6)))
        feed.post(.positionDiffers)
        #expect(feed.tickets.count == 1)
        #expect(feed.state.hasReached(at(6)), "An answer means nothing while a snapshot is on its way.")
    }

    @Test func `a join and a leave in one window cancel, and the cursor moves`() {
        let feed = FeedHarness(live: at(5), ["alice": alice])
        let client = feed.connect()
        feed.isWritingSlow = true
        feed.receive(Fixture.message(6, Fixture.set("carol", Fixture.presence())))
        feed.receive(Fixture.message(7, Fixture.set("bob", bob)))
        feed.receive(Fixture.message(8, leave("bob")))
        feed.post(.written)
        feed.advance(by: .seconds(2))
        #expect(client.words == ["state alice", "diff +carol", "diff"])
        #expect(client.cursor == at(8))
    }

    @Test func `2,000 malformed messages cost one log line and one snapshot`() {
        let feed = FeedHarness(live: at(5))
        _ = feed.connect()
        for _ in 0..<2_000 { feed.post(.malformed) }
        #expect(feed.logged == [1])
        #expect(feed.takeActions().count { $0 == "requestSnapshot" } == 2, "The first is that of the fixture.")
        feed.load(at(5))
        feed.advance(by: .seconds(61))
        feed.post(.malformed)
        #expect(feed.logged == [1, 2_000])
    }

    @Test func `more messages than are held while a snapshot is awaited cost another snapshot`() {
        let feed = FeedHarness()
        feed.post(.acknowledged)
        for seq in 1...1_100 { feed.receive(Fixture.message(seq, Fixture.set("alice", Fixture.presence()))) }
        feed.load(at(1))
        #expect(feed.tickets.count == 1)
        feed.load(at(1_100), ["alice": alice])
        #expect(feed.state.live?.cursor == at(1_100))
    }

    // MARK: First events

    @Test func `a change of a subscriber's own presence before its first event is sent after it`() {
        let feed = FeedHarness()
        let client = feed.connect(as: Fixture.member("alice"))
        feed.post(.acknowledged)
        feed.load(at(5), ["alice": alice])
        #expect(client.words == ["state alice", "own changed"])
    }

    @Test func `a presence that is missing at the first event is no leave`() {
        let feed = FeedHarness()
        let client = feed.connect(as: Fixture.member("alice"))
        feed.post(.acknowledged)
        feed.load(at(5))
        #expect(client.words == ["state"])
    }

    @Test func `a subscriber that requests a state before its first one gets one`() {
        let feed = FeedHarness()
        let client = feed.connect(since: at(4))
        feed.post(.requestState(client.subscription))
        feed.post(.acknowledged)
        feed.load(at(5), ["alice": alice])
        #expect(client.words == ["state alice"])
    }

    @Test func `a subscriber that drops its queue gets a state at once`() {
        let feed = FeedHarness(live: at(5), ["alice": alice])
        let client = feed.connect(reaching: at(5))
        feed.post(.requestState(client.subscription))
        #expect(client.words == ["state alice", "state alice"])
    }

    @Test func `a subscriber with a cursor ahead of the replica waits for it, and then for a snapshot`() {
        let feed = FeedHarness(live: at(5), ["alice": alice])
        let client = feed.connect(since: at(7))
        #expect(client.words.isEmpty)
        feed.advance(by: .milliseconds(2_500))
        #expect(client.words.isEmpty && feed.tickets.count == 1)
        feed.load(at(7), ["alice": alice, "bob": bob])
        #expect(client.words == ["resumed"])
    }

    @Test func `a subscriber with a track of another epoch is served when its time is over`() {
        let feed = FeedHarness(live: at(5), ["alice": alice])
        let client = feed.connect(reaching: Fixture.at(1, Fixture.other), as: Fixture.member("bob"))
        #expect(client.words.isEmpty)
        feed.advance(by: .milliseconds(2_500))
        feed.load(at(5), ["alice": alice])
        #expect(client.words == ["state alice"])
    }

    @Test func `a stream that resumes gets what it missed, also from an earlier cursor`() {
        let feed = FeedHarness(live: at(5), ["alice": alice])
        feed.receive(Fixture.message(6, Fixture.set("bob", bob)))
        feed.advance(by: .seconds(1))
        feed.receive(Fixture.message(7, leave("alice")))
        feed.advance(by: .seconds(1))
        #expect(feed.connect(since: at(6)).words == ["resumed diff -alice:untracked"])
        #expect(feed.connect(since: at(5)).words == ["resumed diff +bob -alice:untracked"])
        #expect(feed.connect(since: at(7)).words == ["resumed"])
        #expect(feed.connect(since: at(3)).words == ["state bob"])
    }

    @Test func `without room a state waits for up to 30 s, and a stream that resumes does not`() {
        let members = (0..<1_100).map { ("user\($0)", Fixture.presence()) }
        let feed = FeedHarness(live: at(5), Dictionary(uniqueKeysWithValues: members))
        feed.hasRoom = false
        let arrival = feed.connect()
        let resuming = feed.connect(since: at(5))
        #expect(arrival.words.isEmpty && resuming.words == ["resumed"])
        feed.advance(by: .seconds(29))
        #expect(arrival.words.isEmpty)
        feed.advance(by: .seconds(2))
        #expect(arrival.roster?.count == 1_100)
    }

    // MARK: The fetch hook

    @Test func `changes while a flush waits for the hook are prefetched, and keep their order`() {
        let feed = FeedHarness(live: at(5), isEnriched: true)
        let client = feed.connect()
        feed.isHookAtOnce = false
        feed.receive(Fixture.message(6, Fixture.set("alice", alice)))
        feed.advance(by: .milliseconds(100))
        feed.receive(Fixture.message(7, Fixture.set("bob", bob)))
        #expect(feed.prefetched.map { $0.map(\.text) } == [["bob"]])
        let since = feed.now
        feed.advance(by: .milliseconds(100))
        feed.answerHook()
        feed.advance(by: .seconds(2))
        #expect(feed.awaited?.since == since, "The time of the second flush counts from its change.")
        feed.answerHook()
        #expect(client.words == ["state", "diff +alice", "diff +bob"])
    }

    @Test func `a subscriber that ends while its state waits for the hook gets nothing`() {
        let feed = FeedHarness(live: at(5), ["alice": alice], isEnriched: true)
        feed.isHookAtOnce = false
        let client = feed.connect()
        feed.end(client)
        feed.answerHook()
        #expect(client.words.isEmpty)
    }

    @Test func `a subscriber that drops its queue while it waits for the hook gets one state`() {
        let feed = FeedHarness(live: at(5), ["alice": alice], isEnriched: true)
        feed.isHookAtOnce = false
        let client = feed.connect()
        feed.post(.requestState(client.subscription))
        feed.answerHook()
        #expect(client.words.isEmpty)
        feed.answerHook()
        #expect(client.words == ["state alice", "renewed alice"])
    }

    @Test func `a prefetch for a subscriber that ended takes no time from a later flush`() {
        let feed = FeedHarness(live: at(5), ["alice": alice], isEnriched: true)
        let client = feed.connect()
        feed.isHookAtOnce = false
        feed.receive(Fixture.message(6, Fixture.set("bob", bob)))
        feed.end(feed.connect())
        feed.answerHook()
        feed.advance(by: .minutes(10))
        feed.receive(Fixture.message(7, Fixture.set("carol", Fixture.presence())))
        #expect(feed.awaited?.since == feed.now)
        feed.answerHook()
        #expect(client.words == ["state alice", "diff +bob", "diff +carol"])
    }

    @Test func `subscribers that come while a state waits for the hook share it`() {
        let feed = FeedHarness(live: at(5), ["alice": alice], isEnriched: true)
        feed.isHookAtOnce = false
        let clients = [feed.connect(), feed.connect(), feed.connect()]
        feed.answerHook()
        feed.answerHook()
        #expect(clients.map(\.words) == Array(repeating: ["state alice"], count: 3))
        #expect(feed.encodedStates == 1)
    }

    @Test func `a state from before a data change is not kept`() {
        let feed = FeedHarness(live: at(5), ["alice": alice], isEnriched: true)
        feed.isHookAtOnce = false
        _ = feed.connect()
        feed.post(.dataChanged([Fixture.member("alice").key]))
        feed.answerFetch()
        feed.answerHook()
        feed.answerHook()
        let encoded = feed.encodedStates
        _ = feed.connect()
        feed.answerHook()
        #expect(feed.encodedStates == encoded + 1)
    }

    @Test func `a presence that leaves while its stream waits for the hook is reported once`() {
        let feed = FeedHarness(live: at(5), ["alice": alice], isEnriched: true)
        feed.isHookAtOnce = false
        let client = feed.connect(as: Fixture.member("alice"))
        feed.receive(Fixture.message(6, leave("alice")))
        feed.answerHook()
        feed.advance(by: .seconds(2))
        feed.answerHook()
        #expect(client.words == ["state alice", "own left:untracked", "diff -alice:untracked"])
    }

    @Test func `a stream that waits for the hook while Redis comes back gets recovered`() {
        let feed = FeedHarness(live: at(5), ["alice": alice], isEnriched: true)
        feed.isHookAtOnce = false
        feed.post(.redisLost)
        feed.advance(by: .seconds(2))
        let client = feed.connect()
        feed.post(.redisReturned)
        feed.answerHook()
        #expect(client.words == ["degraded", "state alice", "recovered"])
    }

    @Test func `changed data that is incomplete is not sent, and not asked for again`() {
        let feed = FeedHarness(live: at(5), ["alice": alice], isEnriched: true)
        let client = feed.connect()
        feed.isHookAtOnce = false
        feed.post(.dataChanged([Fixture.member("alice").key, Fixture.member("absent").key]))
        #expect(feed.fetching?.map(\.text) == ["alice"])
        var fields = EnrichmentFields()
        fields.set([], isComplete: false, for: Fixture.member("alice").key)
        feed.answerFetch(fields)
        #expect(feed.fetching == nil && client.words == ["state alice"])
    }

    @Test func `a stream that resumes from an unknown past gets all data again`() {
        let feed = FeedHarness(live: at(5), ["alice": alice], isEnriched: true)
        #expect(feed.connect(since: at(5)).words == ["resumed", "renewed alice"])
        #expect(feed.connect(since: at(2)).words == ["state alice", "renewed alice"])
        #expect(feed.connect().words == ["state alice"])
    }

    // MARK: Life

    @Test func `a feed without subscribers lives for a minute, that of an empty topic for a second`() {
        let empty = FeedHarness(live: at(5))
        empty.advance(by: .seconds(2))
        #expect(empty.isRetired)
        let feed = FeedHarness(live: at(5), ["alice": alice])
        feed.end(feed.connect())
        feed.advance(by: .seconds(59))
        #expect(!feed.isRetired)
        feed.advance(by: .seconds(2))
        #expect(feed.isRetired && feed.state.keptBytes == 0)
        feed.post(.retireIfIdle)
        feed.receive(Fixture.message(6, Fixture.set("bob", bob)))
        #expect(feed.state.live?.cursor == at(5), "A retired feed does nothing.")
    }

    @Test func `a feed that got its first presence while it was idle lives on`() {
        let feed = FeedHarness(live: at(5))
        feed.receive(Fixture.message(6, Fixture.set("alice", alice)))
        feed.advance(by: .seconds(30))
        #expect(!feed.isRetired)
        feed.advance(by: .seconds(40))
        #expect(feed.isRetired)
    }

    @Test func `bytes beyond the share of a topic are dropped, the oldest first`() {
        let feed = FeedHarness(live: at(5))
        for seq in 6..<106 {
            feed.receive(Fixture.message(seq, Fixture.set("user\(seq)", Fixture.presence())))
        }
        let bytes = feed.state.keptBytes
        feed.post(.keepToShare(bytes / 2))
        #expect(feed.state.keptBytes <= bytes / 2)
        feed.advance(by: .seconds(2))
        #expect(feed.connect(since: at(104)).words == ["resumed diff +user105"])
        #expect(feed.connect(since: at(6)).words.first?.hasPrefix("state") == true)
    }
}
