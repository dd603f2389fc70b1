// Rollcall · rollcall

import PresenceModel

/// A roster as text, for terminals and pipes.
///
/// Names and metas come from strangers, so harmful characters are replaced.
enum RosterText {
    /// The counts, as `lobby: 2 keys, 3 presences`.
    static func summary(of topic: String, _ roster: WatchedRoster) -> String {
        "\(Terminal.harmless(topic)): \(counts(roster.keyCount, roster.presenceCount))"
    }

    private static func counts(_ keys: Int, _ presences: Int) -> String {
        "\(keys) key\(keys == 1 ? "" : "s"), \(presences) presence\(presences == 1 ? "" : "s")"
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

    /// `+ alice {"status":"online"}`, `~` for an update, `-` with the reason for a leave; `=` for counts.
    static func line(for change: WatchedRoster.Change) -> String {
        switch change {
        case .joined(let key, let meta): "+ \(Terminal.harmless("\(key.text) \(meta.text)"))"
        case .updated(let key, let meta): "~ \(Terminal.harmless("\(key.text) \(meta.text)"))"
        case .left(let key, _, let reason): "- \(Terminal.harmless("\(key.text) \(reason)"))"
        case .counted(let keys, let presences): "= \(counts(keys, presences))"
        }
    }
}
