// Rollcall · rollcall

import JSONText
import PresenceModel

/// The presences of a topic, folded from the events `presence_state` and `presence_diff` of its stream.
struct WatchedRoster: Sendable {
    /// A presence, as far as a stream shows it.
    struct Meta: Sendable, Hashable {
        let ref: String
        /// The ref before an update.
        let previous: String?
        /// The client's own members, as JSON text.
        let text: String
    }

    enum Change: Sendable, Hashable {
        case joined(Key, Meta)
        case updated(Key, Meta)
        case left(Key, Meta, reason: String)
        /// The counts alone have come, because the credential allows no more.
        case counted(keys: Int, presences: Int)
    }

    private(set) var metas: [Key: [Meta]] = [:]

    private var counts: (keys: Int, presences: Int)?

    var keyCount: Int { counts?.keys ?? metas.count }
    var presenceCount: Int { counts?.presences ?? metas.values.reduce(0) { $0 + $1.count } }

    /// Takes the counts of a topic, from a node that shows no more to this credential.
    mutating func count(_ counts: JSON) -> [Change] {
        guard let keys = counts["keys"]?.int, let presences = counts["presences"]?.int else { return [] }
        self.counts = (keys, presences)
        return [.counted(keys: keys, presences: presences)]
    }

    /// Replaces the roster with a state, and returns the differences as changes.
    mutating func replace(with state: JSON) -> [Change] {
        let before = metas
        metas = Self.entries(of: state)
        return Set(before.keys).union(metas.keys).sorted().flatMap { key in
            Self.changes(at: key, from: before[key] ?? [], to: metas[key] ?? []) { _ in nil }
        }
    }

    /// Applies one diff, and returns its changes.
    ///
    /// An update is a join and a leave of the same key in one diff, so it never empties the key.
    mutating func apply(_ diff: JSON) -> [Change] {
        let joins = Self.entries(of: diff["joins"])
        let leaves = Self.entries(of: diff["leaves"])
        let reasons = diff["reasons"]
        return Set(joins.keys).union(leaves.keys).sorted().flatMap { key in
            let before = metas[key] ?? []
            let joined = joins[key] ?? []
            let replaced = Set((joined + (leaves[key] ?? [])).map(\.ref))
            let after = before.filter { !replaced.contains($0.ref) } + joined
            metas[key] = after.isEmpty ? nil : after
            return Self.changes(at: key, from: before, to: after) { reasons?[$0.ref]?.string }
        }
    }

    private static func changes(
        at key: Key, from before: [Meta], to after: [Meta], reason: (Meta) -> String?
    ) -> [Change] {
        let old = Set(before.map(\.ref))
        let new = Set(after.map(\.ref))
        let replaced = Set(after.compactMap(\.previous))
        let arrivals = after.filter { !old.contains($0.ref) }.map { meta in
            meta.previous.map(old.contains) == true ? Change.updated(key, meta) : .joined(key, meta)
        }
        let departures = before.filter { !new.contains($0.ref) && !replaced.contains($0.ref) }.map { meta in
            Change.left(key, meta, reason: reason(meta) ?? "lost")
        }
        return arrivals + departures
    }

    private static func entries(of object: JSON?) -> [Key: [Meta]] {
        var entries: [Key: [Meta]] = [:]
        for member in object?.members ?? [] {
            guard let key = Key(utf8: member.name.decoded) else { continue }
            entries[key] = (member.value["metas"]?.elements ?? []).map(Meta.init)
        }
        return entries
    }
}

extension WatchedRoster.Meta {
    init(_ json: JSON) {
        ref = json["phx_ref"]?.string ?? ""
        previous = json["phx_ref_prev"]?.string
        text = String(decoding: json.compact(without: ["phx_ref", "phx_ref_prev"]), as: UTF8.self)
    }
}
