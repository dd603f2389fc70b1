// Rollcall · FaultTests

import TestSupport
import Testing

/// A stream without a presence, with the events that it received.
struct Watcher: Sendable {
    let name: String
    let events: @Sendable () -> [SSEEvent]

    /// The roster that its events fold to, without `phx_ref_prev`.
    func roster() throws -> [ExactName: Set<JSONValue>] {
        var fold = FoldedPresence()
        for event in events() { try fold.receive(event) }
        return fold.roster.mapValues(Roster.unlinked)
    }

    /// The keys that left, with the reason of each leave; an update is no leave.
    func leaves() throws -> [(key: String, reason: String)] {
        try events().filter { $0.name == "presence_diff" }.flatMap { event in
            let diff = try event.json
            return (diff["leaves"]?.object ?? [:]).flatMap { key, entry in
                (entry["metas"]?.array ?? []).compactMap { meta -> (key: String, reason: String)? in
                    guard let ref = meta["phx_ref"]?.string, let reason = diff["reasons"]?[ref]?.string else {
                        return nil
                    }
                    return (key.text, reason)
                }
            }
        }
    }

    /// The keys that went away for its client, by a diff or by a state without them.
    func vanished() throws -> Set<String> {
        var fold = FoldedPresence()
        var keys: Set<String> = []
        for event in events() {
            for case .leave(let key, let current, _) in try fold.receive(event) where current.metas.isEmpty {
                keys.insert(key.text)
            }
        }
        return keys
    }

    func count(of name: String) -> Int { events().count { $0.name == name } }
}

/// Makes rosters comparable.
enum Roster {
    /// Metas without `phx_ref_prev`, which in a coalesced diff names the last version that was shown.
    static func unlinked(_ metas: Set<JSONValue>) -> Set<JSONValue> {
        Set(
            metas.map { meta in
                guard var members = meta.object else { return meta }
                members["phx_ref_prev"] = nil
                return .object(members)
            })
    }
}
