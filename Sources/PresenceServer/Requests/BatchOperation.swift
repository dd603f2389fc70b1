// Rollcall · PresenceServer

package import Access
import Basics
package import JSONText
package import PresenceModel
import PresenceStore

/// One operation of a batch, read and checked as its single request would be.
package struct BatchOperation: Sendable {
    enum Kind: String, CaseIterable, Sendable {
        case track, put, update, untrack, heartbeat

        /// The members that the operation may have.
        var members: Set<String> {
            let common: Set = ["op", "topic", "key", "session"]
            return switch self {
            case .track: common.union(["meta", "ttl"])
            case .put: common.union(["meta", "ttl", "if_match"])
            case .update: common.union(["meta", "patch", "if_match"])
            case .heartbeat: common.union(["ttl", "if_match"])
            case .untrack: common.union(["if_match"])
            }
        }
    }

    let kind: Kind
    let topic: Topic
    let member: Member
    /// Whether it untracks all sessions of the key; the session of ``member`` then has no meaning.
    let isOfWholeKey: Bool
    private let meta: Meta?
    private let patch: JSON?
    private let ttl: Int?
    private let condition: RefCondition?

    var tracking: TrackItem {
        TrackItem(member: self.member, meta: self.meta, ttl: self.ttl, condition: self.condition)
    }

    /// What it uses of its caller's rates, beside being a request.
    var cost: (tracks: Int, bytes: Int) {
        switch self.kind {
        case .track, .put, .update: (1, (self.meta?.json.count ?? 0) + (self.patch?.compact.count ?? 0))
        case .untrack, .heartbeat: (0, 0)
        }
    }

    var updating: UpdateItem {
        UpdateItem(
            member: self.member, change: self.patch.map { .patch($0) } ?? .replace(self.meta ?? .empty),
            condition: self.condition)
    }

    var untracking: UntrackItem {
        UntrackItem(member: self.member, condition: self.condition)
    }

    var heartbeat: HeartbeatItem {
        HeartbeatItem(member: self.member, ttl: self.ttl, condition: self.condition)
    }

    /// Reads one element of `operations`; places in problems are relative to it.
    package init(_ json: JSON, of caller: Caller, limits: Limits) throws(Problem) {
        try Self.requireSound(json)
        let kind = try Self.kind(of: json)
        var fields = try FieldReader(json, allowing: kind.members)
        let topic = fields.topic()
        let key = try topic.flatMap { topic throws(Problem) in try fields.key(of: caller, on: topic) }
        let session = fields.session(isRequired: kind != .track && kind != .untrack)
        let (meta, ttl) = (fields.meta(limits), fields.ttl(limits))
        let patch = fields.optional("patch")
        let condition = fields.condition()
        if kind == .update { Self.check(meta: fields.optional("meta"), patch: patch, in: &fields) }
        if kind == .untrack, condition != nil, fields.optional("session") == nil {
            fields.fail("if_match needs session: each session of a key has a ref of its own.", at: "if_match")
        }
        try fields.check()
        guard let topic, let key else { throw Problem(.internalError, "An operation without names passed the check.") }
        let member = Member(key: key, session: session ?? .random())
        if kind == .track || kind == .put {
            try allow { () throws(Refusal) in try caller.requireTracking(member, on: topic) }
        }

        self.kind = kind
        self.topic = topic
        self.member = member
        self.isOfWholeKey = kind == .untrack && session == nil
        (self.meta, self.patch, self.ttl, self.condition) = (meta, patch, ttl, condition)
    }

    /// Applies the strict rules of texts to one operation.
    ///
    /// The body of a batch is parsed without them, so that a wrong text in one operation does not stop the others.
    private static func requireSound(_ json: JSON) throws(Problem) {
        do {
            try json.requireSound(at: .pointer("#"))
        } catch {
            throw Problem(error)
        }
    }

    private static func kind(of json: JSON) throws(Problem) -> Kind {
        guard json.kind == JSON.emptyObject.kind else {
            throw Problem(.invalidBody, at: .pointer("#"), "An operation is a JSON object, not \(json.kind).")
        }
        guard let kind = json["op"]?.string.flatMap(Kind.init) else {
            let kinds = Kind.allCases.map(\.rawValue).joined(separator: ", ")
            throw Problem(.invalidBody, at: .pointer("#/op"), "op is one of \(kinds).")
        }
        return kind
    }

    private static func check(meta: JSON?, patch: JSON?, in fields: inout FieldReader) {
        if (meta == nil) == (patch == nil) {
            fields.fail("An update has either meta, which replaces, or patch, which merges.")
        } else if let patch {
            fields.check("patch") { location throws(InputError) in
                try Meta.checkPatch(patch, at: location)
            }
        }
    }
}
