// Rollcall · TestSupport

/// The roster of one topic as phoenix.js would hold it: folded from `presence_state` and `presence_diff`.
///
/// `syncState` and `syncDiff` follow phoenix.js's `Presence` line by line, and ``receive(_:)`` follows its instance:
/// diffs before the first state wait for it. A payload that makes phoenix.js throw makes these functions throw.
package struct FoldedPresence: Sendable {
    /// A key's metas, in order, and the fields beside them.
    package struct Entry: Hashable, Sendable {
        package var metas: [JSONValue]
        package var fields: [ExactName: JSONValue]

        package init(metas: [JSONValue], fields: [ExactName: JSONValue] = [:]) {
            self.metas = metas
            self.fields = fields
        }
    }

    /// One call of a phoenix.js callback.
    package enum Call: Hashable, Sendable {
        /// `onJoin(key, current, new)`; `new` holds only the joined metas.
        case join(ExactName, current: Entry?, new: Entry)
        /// `onLeave(key, current, left)`; `current` is without them already.
        case leave(ExactName, current: Entry, left: Entry)
    }

    /// A payload that phoenix.js could not fold.
    package struct Malformed: Error, CustomStringConvertible {
        package let description: String
    }

    package private(set) var entries: [ExactName: Entry] = [:]
    /// Whether a state was received, so that diffs apply at once.
    package private(set) var hasState = false
    private var pending: [JSONValue] = []

    package init() {}

    /// Makes the roster that a list (`GET …/presences`) or a state shows.
    package init(of presences: JSONValue) throws {
        self.entries = try Self.entries(of: presences)
        self.hasState = true
    }

    /// The metas of each key without their order, for comparison with a list: a fold moves an updated meta to the end.
    package var roster: [ExactName: Set<JSONValue>] {
        self.entries.mapValues { Set($0.metas) }
    }

    /// All `phx_ref`s that are present.
    package var refs: Set<String> {
        Set(self.entries.values.flatMap { $0.metas.compactMap { $0["phx_ref"]?.string } })
    }

    /// Folds an event; events of other names change nothing.
    @discardableResult
    package mutating func receive(_ event: SSEEvent) throws -> [Call] {
        switch event.name {
        case "presence_state":
            var calls = try self.syncState(try event.json)
            self.hasState = true
            for diff in self.pending { calls += try self.syncDiff(diff) }
            self.pending = []
            return calls
        case "presence_diff" where self.hasState:
            return try self.syncDiff(try event.json)
        case "presence_diff":
            self.pending.append(try event.json)
            return []
        default:
            return []
        }
    }

    /// phoenix.js: `Presence.syncState(current, new, onJoin, onLeave)`.
    @discardableResult
    package mutating func syncState(_ state: JSONValue) throws -> [Call] {
        let new = try Self.entries(of: state)
        var joins: [ExactName: Entry] = [:]
        var leaves = self.entries.filter { new[$0.key] == nil }
        for (key, entry) in new {
            guard let current = self.entries[key] else {
                joins[key] = entry
                continue
            }
            let joined = entry.metas.filter { !current.refs.contains($0.ref) }
            let left = current.metas.filter { !entry.refs.contains($0.ref) }
            if !joined.isEmpty { joins[key] = Entry(metas: joined, fields: entry.fields) }
            if !left.isEmpty { leaves[key] = Entry(metas: left, fields: current.fields) }
        }
        return self.apply(joins: joins, leaves: leaves)
    }

    /// phoenix.js: `Presence.syncDiff(state, {joins, leaves}, onJoin, onLeave)`.
    @discardableResult
    package mutating func syncDiff(_ diff: JSONValue) throws -> [Call] {
        guard let joins = diff["joins"], let leaves = diff["leaves"] else {
            throw Malformed(description: "a diff without joins or leaves: \(diff)")
        }
        return self.apply(joins: try Self.entries(of: joins), leaves: try Self.entries(of: leaves))
    }

    /// Joins come before leaves, so that a key with an updated meta never disappears in between.
    private mutating func apply(joins: [ExactName: Entry], leaves: [ExactName: Entry]) -> [Call] {
        var calls: [Call] = []
        for (key, joined) in joins.sorted(by: { $0.key < $1.key }) {
            let current = self.entries[key]
            let kept = (current?.metas ?? []).filter { !joined.refs.contains($0.ref) }
            self.entries[key] = Entry(metas: kept + joined.metas, fields: joined.fields)
            calls.append(.join(key, current: current, new: joined))
        }
        for (key, left) in leaves.sorted(by: { $0.key < $1.key }) {
            guard var current = self.entries[key] else { continue }
            current.metas.removeAll { left.refs.contains($0.ref) }
            calls.append(.leave(key, current: current, left: left))
            self.entries[key] = current.metas.isEmpty ? nil : current
        }
        return calls
    }

    private static func entries(of presences: JSONValue) throws -> [ExactName: Entry] {
        guard let members = presences.object else { throw Malformed(description: "not a map of keys: \(presences)") }
        return try members.mapValues { entry in
            guard var fields = entry.object, let metas = fields.removeValue(forKey: "metas")?.array else {
                throw Malformed(description: "an entry without metas: \(entry)")
            }
            return Entry(metas: metas, fields: fields)
        }
    }
}

extension FoldedPresence.Entry {
    fileprivate var refs: [JSONValue?] { self.metas.map(\.ref) }
}

extension JSONValue {
    fileprivate var ref: JSONValue? { self["phx_ref"] }
}
