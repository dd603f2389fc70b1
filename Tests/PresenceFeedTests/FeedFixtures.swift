// Rollcall · PresenceFeedTests

import NIOCore
import PresenceModel
import PresenceFeed
import PresenceStore

/// Short forms of values that tests of feeds need often.
enum Fixture {
    static let epoch = Epoch.random()
    static let other = Epoch.random()

    static func at(_ seq: Int, _ epoch: Epoch = epoch) -> Cursor { Cursor(epoch: epoch, seq: seq) }

    static func member(_ name: String, session: String = "s") -> Member {
        guard let key = try? Key(name), let session = try? Session(session) else { fatalError("not a name: \(name)") }
        return Member(key: key, session: session)
    }

    static func presence(_ ref: Ref = .random()) -> Presence { Presence(ref: ref, previous: nil, meta: .empty) }

    static func stored(_ presence: Presence) -> StoredPresence { StoredPresence(presence: presence, ttl: 30) }

    static func set(_ name: String, _ presence: Presence) -> FeedMessage.Record { .set(member(name), stored(presence)) }

    static func message(
        _ seq: Int, in epoch: Epoch = epoch, whole: Bool = false, _ records: FeedMessage.Record...
    ) -> FeedMessage {
        FeedMessage(cursor: at(seq, epoch), isWholeState: whole, records: records)
    }

    static func snapshot(_ cursor: Cursor, _ presences: [String: Presence]) -> Snapshot {
        Snapshot(
            cursor: cursor, now: 0, presences: presences.map { (member: member($0.key), stored: stored($0.value)) })
    }

    static func step(_ from: Int, _ to: Int, _ changes: Change?...) -> ReplicaStep {
        ReplicaStep(from: at(from), to: at(to), changes: changes.compactMap { $0 })
    }
}
