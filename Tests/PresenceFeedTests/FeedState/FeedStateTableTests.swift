// Rollcall · PresenceFeedTests

import NIOCore
import PresenceModel
import PresenceStore
import PresenceText
import Testing

@testable import PresenceFeed

/// What each event does in each phase of a feed: the table of its next actions.
@Suite("The table of a feed's events and phases")
struct FeedStateTableTests {
    /// A phase, and how to bring a feed into it.
    enum Phase: String, CaseIterable {
        case created, loading, live, waitingForWindow, writing, enriching, delayingLosses, verifyingLosses, away,
            degraded,
            recovering, idle, retired

        func make() -> FeedHarness {
            let feed = FeedHarness(isEnriched: self == .enriching)
            if self != .idle && self != .retired { _ = feed.connect(view: .full) }
            if self != .created { feed.post(.acknowledged) }
            if self != .created && self != .loading {
                feed.load(source("old", at: 5, ["alice": FeedStateTableTests.alice]))
            }
            switch self {
            case .created, .loading, .live, .idle: break
            case .retired: feed.post(.retireIfIdle)
            case .waitingForWindow:
                feed.receive(FeedStateTableTests.join(6, "bob"))
                feed.receive(FeedStateTableTests.join(7, "carol"))
            case .writing:
                feed.isWritingSlow = true
                feed.receive(FeedStateTableTests.join(6, "bob"))
            case .enriching:
                feed.isHookAtOnce = false
                feed.receive(FeedStateTableTests.join(6, "bob"))
            case .delayingLosses, .verifyingLosses, .recovering:
                if self == .recovering {
                    feed.post(.redisLost)
                    feed.advance(by: .seconds(2))
                }
                feed.post(.positionDiffers)
                feed.load(source("new", at: 1, [:]))
                if self == .recovering { feed.post(.redisReturned) }
                if self == .verifyingLosses { feed.advance(by: .milliseconds(7_100)) }
            case .away: feed.post(.redisLost)
            case .degraded:
                feed.post(.redisLost)
                feed.advance(by: .seconds(2))
            }
            _ = feed.takeActions()
            return feed
        }

        /// Heartbeats kept none of the presences, so the node restores none.
        private func source(_ name: String, at seq: Int, _ presences: [String: Presence]) -> Snapshot {
            var snapshot = Fixture.snapshot(
                Fixture.at(seq, name == "old" ? Fixture.epoch : Fixture.other), presences)
            snapshot.source = DataSource(server: name, dataSet: "")
            return snapshot
        }
    }

    static let alice = Fixture.presence()

    static func join(_ seq: Int, _ name: String) -> FeedMessage {
        Fixture.message(seq, Fixture.set(name, Fixture.presence()))
    }

    /// Event, phases, and the actions of the event in these phases; in all other phases it has none.
    private static let table = """
        acknowledged | created loading verifyingLosses away degraded recovering | requestSnapshot
        acknowledged | live waitingForWindow writing enriching delayingLosses idle | requestSnapshot, schedule degraded
        next message | live away degraded idle | deliver
        next message | enriching | prefetch
        message after a gap | live waitingForWindow writing enriching delayingLosses idle | requestSnapshot, schedule degraded
        message after a gap | away degraded recovering | requestSnapshot
        malformed | created loading verifyingLosses | log
        malformed | live waitingForWindow writing enriching delayingLosses idle | log, requestSnapshot, schedule degraded
        malformed | away degraded recovering | log, requestSnapshot
        snapshot | loading | deliver
        snapshot | verifyingLosses | deliver
        position differs | live waitingForWindow writing enriching delayingLosses idle | requestSnapshot, schedule degraded
        position differs | away degraded recovering | requestSnapshot
        disconnected | live waitingForWindow writing enriching delayingLosses idle | schedule degraded
        Redis lost | live waitingForWindow writing enriching delayingLosses idle | schedule degraded
        Redis returned | degraded | all recovered
        subscribe | created loading waitingForWindow enriching delayingLosses verifyingLosses | cancelIdle
        subscribe | live writing away idle | cancelIdle, deliver
        subscribe | degraded | cancelIdle, notify, deliver
        subscribe | recovering | cancelIdle, notify
        unsubscribe | created loading live waitingForWindow writing enriching delayingLosses verifyingLosses away degraded recovering | remove, schedule idle
        request state | live writing away degraded | remove, deliver
        request state | waitingForWindow enriching delayingLosses verifyingLosses recovering | remove
        enriched | enriching | deliver
        data changed | enriching | fetchChanged
        flush timer | waitingForWindow | schedule flush
        idle timer | idle | schedule idle
        retire if idle | idle | cancelIdle, retire
        """

    private static func actions(of event: String, in phase: Phase) -> String {
        for line in table.split(separator: "\n") {
            let cells = line.split(separator: " | ")
            if cells[0] == event, cells[1].split(separator: " ").contains(Substring(phase.rawValue)) {
                return String(cells[2])
            }
        }
        return ""
    }

    @Test(arguments: Phase.allCases)
    func `each event has in each phase the actions of the table`(phase: Phase) {
        for (name, event) in Self.events {
            let feed = phase.make()
            event(feed)
            let actions = feed.takeActions().joined(separator: ", ")
            #expect(actions == Self.actions(of: name, in: phase), "\(name), \(phase)")
        }
    }

    /// The events, in the order of the table.
    private static let events: [(String, @Sendable (FeedHarness) -> Void)] = [
        ("acknowledged", { $0.post(.acknowledged) }),
        ("next message", { $0.receive(join(($0.state.replica.cursor.seq) + 1, "dave", $0)) }),
        ("old message", { $0.receive(join(1, "dave", $0)) }),
        ("message after a gap", { $0.receive(join(99, "dave", $0)) }),
        ("malformed", { $0.post(.malformed) }),
        ("snapshot", { $0.load(Fixture.at(9), ["alice": alice]) }),
        ("old snapshot", { $0.post(.snapshot(Fixture.snapshot(Fixture.at(9), [:]), ticket: 0)) }),
        ("position differs", { $0.post(.positionDiffers) }),
        ("disconnected", { $0.post(.disconnected) }),
        ("Redis lost", { $0.post(.redisLost) }),
        ("Redis returned", { $0.post(.redisReturned) }),
        ("subscribe", { _ = $0.connect(view: .keys) }),
        ("unsubscribe", { feed in if let client = feed.clients.first { feed.end(client) } }),
        (
            "request state",
            { feed in if let client = feed.clients.first { feed.post(.requestState(client.subscription)) } }
        ),
        ("enriched", { $0.answerHook() }),
        ("data changed", { $0.post(.dataChanged([Fixture.member("alice").key])) }),
        ("written", { $0.post(.written) }),
        ("flush timer", { $0.post(.timer(.flush)) }),
        ("room timer", { $0.post(.timer(.room)) }),
        ("restore timer", { $0.post(.timer(.restore)) }),
        ("idle timer", { $0.post(.timer(.idle)) }),
        ("keep to share", { $0.post(.keepToShare(0)) }),
        ("retire if idle", { $0.post(.retireIfIdle) }),
    ]

    private static func join(_ seq: Int, _ name: String, _ feed: FeedHarness) -> FeedMessage {
        let epoch = feed.state.replica.cursor.isEmpty ? Fixture.epoch : feed.state.replica.cursor.epoch
        return Fixture.message(seq, in: epoch, Fixture.set(name, Fixture.presence()))
    }
}
