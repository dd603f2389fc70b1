// Rollcall · PresenceFeedTests

import NIOCore
import PresenceModel
import PresenceStore
import PresenceText
import RandomInput
import Testing

@testable import PresenceFeed

/// Random histories of one topic, compared with a model that is a list of positions and their rosters.
@Suite("The state of a feed in random histories")
struct FeedStateHistoryTests {
    @Test func `each client always has the roster of its cursor, and in the end that of Redis`() async {
        let seed = SplitMix.freshSeed()
        for number in 0..<10_000 {
            // The tests share few threads, and some of the others depend on the time.
            await Task.yield()
            let history = RandomHistory(seed: seed &+ UInt64(number))
            if let fault = history.run() {
                Issue.record("ROLLCALL_TEST_SEED=\(seed &+ UInt64(number)): \(fault)")
                return
            }
        }
    }
}

/// One life of a feed: Redis, its messages, clients, the hook and the clock do random things.
private final class RandomHistory {
    private var random: SplitMix
    private let feed: FeedHarness
    /// What Redis holds.
    private var presences: [String: Presence] = [:]
    private var cursor = Cursor.empty
    private var dataSet = 0
    /// Each position that there ever was, with its roster.
    private var rosters: [Cursor: Set<String>] = [.empty: []]
    /// Messages that were published and have not arrived.
    private var messages: [FeedMessage] = []
    private var isConnected = false
    private var isAway = false
    private var ended: [(cursor: Cursor, roster: Set<String>?)] = []
    private var fault: String?

    init(seed: UInt64) {
        random = SplitMix(seed: seed)
        feed = FeedHarness(isEnriched: random.chance(50))
        feed.isWritingSlow = random.chance(50)
        feed.isHookAtOnce = random.chance(50)
    }

    /// Returns what went wrong.
    func run() -> String? {
        for _ in 0..<(10 + random.below(60)) {
            step()
            // A hub makes another feed for the next subscriber.
            if fault != nil || feed.isRetired { return fault }
        }
        return settle()
    }

    private func step() {
        switch random.below(20) {
        case 0...4: change()
        case 5...9: deliver()
        case 10: snapshot()
        case 11: connect()
        case 12: disconnect()
        case 13:
            if let client = feed.clients.randomElement(using: &random) { feed.post(.requestState(client.subscription)) }
        case 14: toggleConnection()
        case 15: toggleRedis()
        case 16: if random.chance(30) { wipe() }
        case 17:
            feed.answerHook()
            feed.answerFetch()
            feed.post(.written)
        case 18: if random.chance(50) { feed.post(.dataChanged(Set(presences.keys.map { Fixture.member($0).key }))) }
        default: feed.advance(by: .milliseconds(Int64(random.pick([5, 50, 500, 1_500, 8_000]))))
        }
    }

    private func change() {
        guard !isAway else { return }
        let name = random.pick(["alice", "bob", "carol", "dave"])
        let isWhole = presences.isEmpty
        let record: FeedMessage.Record
        if presences[name] != nil, random.chance(50) {
            presences[name] = nil
            record = .leave(Fixture.member(name), .untracked)
        } else {
            let presence = Fixture.presence()
            presences[name] = presence
            record = Fixture.set(name, presence)
        }
        // A topic that empties and fills again begins an epoch.
        cursor =
            isWhole || cursor.isEmpty
            ? Cursor(epoch: .random(), seq: 1) : Cursor(epoch: cursor.epoch, seq: cursor.seq + 1)
        rosters[cursor] = Set(presences.keys)
        let message = FeedMessage(cursor: cursor, isWholeState: isWhole, records: [record])
        if isConnected, !random.chance(5) { messages.append(message) }
        if isConnected, random.chance(5) { messages.append(message) }
    }

    private func deliver() {
        guard isConnected, !messages.isEmpty else { return }
        feed.receive(messages.removeFirst())
    }

    /// Redis answers a request with what it holds now, or held a moment ago.
    private func snapshot() {
        guard !isAway, !feed.tickets.isEmpty else { return }
        var snapshot = Fixture.snapshot(presences.isEmpty ? .empty : cursor, presences)
        snapshot.source = DataSource(server: "\(dataSet)", dataSet: "\(dataSet)@0")
        feed.load(snapshot)
    }

    private func connect() {
        let view: View = random.pick([.full, .keys])
        let back = random.chance(70) ? ended.popLast() : nil
        _ = feed.connect(
            since: back?.cursor, view: view, keeping: back?.roster, check: { [unowned self] in self.check($0) })
    }

    private func disconnect() {
        guard let client = feed.clients.randomElement(using: &random) else { return }
        if client.roster != nil { ended.append((client.cursor, client.roster)) }
        feed.end(client)
    }

    private func toggleConnection() {
        isConnected.toggle()
        if isConnected {
            feed.post(.acknowledged)
        } else {
            messages = []
            feed.post(.disconnected)
        }
    }

    private func toggleRedis() {
        isAway.toggle()
        feed.post(isAway ? .redisLost : .redisReturned)
    }

    /// Redis restarts empty, and nodes restore a part.
    private func wipe() {
        guard !isAway else { return }
        dataSet += 1
        messages = []
        presences = presences.filter { _ in random.chance(50) }
        cursor = presences.isEmpty ? .empty : Cursor(epoch: .random(), seq: 1)
        rosters[cursor] = Set(presences.keys)
    }

    private func check(_ client: Client) {
        guard fault == nil, let roster = client.roster else { return }
        if client.words.count(where: { $0 == "recovered" }) > client.words.count(where: { $0 == "degraded" }) {
            fault = "recovered without degraded: \(client.words)"
        }
        guard let expected = rosters[client.cursor] else {
            fault = "a cursor that never was: \(client.words)"
            return
        }
        if roster != expected { fault = "\(roster.sorted()) at the cursor of \(expected.sorted()): \(client.words)" }
    }

    /// Everything works again: in the end each client has what Redis has.
    private func settle() -> String? {
        if isAway { toggleRedis() }
        if !isConnected { toggleConnection() }
        connect()
        for _ in 0..<20 {
            while !messages.isEmpty { deliver() }
            feed.post(.positionDiffers)
            snapshot()
            feed.answerHook()
            feed.answerFetch()
            feed.post(.written)
            feed.advance(by: .seconds(1))
            if let fault { return fault }
        }
        for client in feed.clients where client.roster != Set(presences.keys) {
            return "\(client.roster?.sorted() ?? []) in the end, not \(presences.keys.sorted()): \(client.words)"
        }
        let isUnsettled = feed.clients.contains { client in
            client.words.count { $0 == "recovered" } != client.words.count { $0 == "degraded" }
        }
        return isUnsettled ? "degraded in the end: \(feed.clients.map(\.words))" : nil
    }
}
