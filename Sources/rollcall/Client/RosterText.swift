// Rollcall · rollcall

import PresenceModel

/// A roster as text, for terminals and pipes.
///
/// Names and metas come from strangers, so harmful characters are replaced.
enum RosterText {
    /// The counts, as `lobby: 2 keys, 3 presences`.
    static func summary(of topic: String, _ roster: WatchedRoster) -> String {
        func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
        return "\(Terminal.harmless(topic)): \(count(roster.keyCount, "key")), "
            + count(roster.presenceCount, "presence")
    }

    /// One line a key, in byte order: the key, the number of its presences, their metas.
    static func rows(of roster: WatchedRoster, limit: Int = .max) -> [String] {
        let keys = roster.metas.keys.sorted().prefix(limit)
        let names = keys.map { Terminal.harmless($0.text) }
        let width = min(names.map(\.count).max() ?? 0, 32)
        return zip(keys, names).map { key, name in
            let metas = roster.metas[key] ?? []
            let padding = String(repeating: " ", count: max(0, width - name.count))
            let texts = metas.map { Terminal.harmless($0.text) }.joined(separator: "  ")
            return "\(name)\(padding)  \(metas.count)  \(texts)"
        }
    }

    /// `+ alice {"status":"online"}`, `~` for an update, `-` with the reason for a leave.
    static func line(for change: WatchedRoster.Change) -> String {
        switch change {
        case .joined(let key, let meta): "+ \(Terminal.harmless("\(key.text) \(meta.text)"))"
        case .updated(let key, let meta): "~ \(Terminal.harmless("\(key.text) \(meta.text)"))"
        case .left(let key, _, let reason): "- \(Terminal.harmless("\(key.text) \(reason)"))"
        }
    }
}
