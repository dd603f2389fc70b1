// Rollcall · PresenceServer

import Access
import Foundation
import HTTPTypes
import Hummingbird
import JSONText
import PresenceModel
import PresenceStore

/// Revokes credentials, and removes keys from topics.
struct RevocationRoutes: Sendable {
    let keeper: RevocationKeeper
    let store: PresenceStore
    let options: ServerOptions

    /// `POST /v1/revocations`.
    func create(_ request: Request, _ context: RollcallRequestContext) async throws -> Response {
        let body = try await request.json("an object with sub, jti or api_key", limit: self.options.bodyBytes)
        let revocation = try self.revocation(body)
        try await self.make(revocation)
        var json = JSONObjectWriter()
        revocation.write(to: &json)
        return Response.json(json.finish(), status: .created).notStored()
    }

    /// `GET /v1/revocations`.
    func list(_ request: Request, _ context: RollcallRequestContext) async throws -> Response {
        let revocations = try await self.keeper.list().filter { !$0.isRemoval }
        var json = JSONObjectWriter()
        json.array("revocations", revocations.sorted { ($0.madeAt, $0.id) < ($1.madeAt, $1.id) }) {
            $0.write(to: &$1)
        }
        return Response.json(json.finish()).notStored()
    }

    /// `DELETE /v1/revocations/{id}`.
    func lift(_ request: Request, _ context: RollcallRequestContext) async throws -> Response {
        let id = try context.parameters.text("id")
        if Revocation.isID(id) { try await self.keeper.lift(id) }
        return Response(status: .noContent)
    }

    /// `POST /v1/removals`.
    func remove(_ request: Request, _ context: RollcallRequestContext) async throws -> Response {
        let body = try await request.json("an object with topic and key", limit: self.options.bodyBytes)
        let (topic, key, session) = try self.removal(body)
        // First, so that nothing comes back in between.
        try await self.make(.removal(of: key, session, from: topic, at: Self.now))
        let removed: Int
        if let session {
            let item = UntrackItem(member: Member(key: key, session: session))
            removed = try await self.store.untrack([item], on: topic, reason: .removed).count { $0 == .removed }
        } else {
            removed = try await self.store.untrack(key: key, on: topic, reason: .removed)
        }
        var json = JSONObjectWriter()
        json.int("removed", removed)
        return .json(json.finish())
    }

    private func make(_ revocation: Revocation) async throws {
        guard try await self.keeper.make(revocation) else {
            throw Problem(
                .tooManyRevocations,
                "There are \(PresenceStore.maximumRevocations) revocations and removals, which are the most.")
        }
    }

    /// Reads a revocation, made now.
    @inline(never)  // because Swift 6.3.1 crashes on an async function that this is inlined into.
    private func revocation(_ body: JSON) throws -> Revocation {
        let now = Self.now
        var fields = try FieldReader(body, allowing: ["sub", "jti", "api_key", "issued_before", "refuse_until"])
        let named = ["sub", "jti", "api_key"].filter { fields.optional($0) != nil }
        let target: Revocation.Target?
        switch named {
        case ["sub"]: target = fields.subject().map { .subject($0) }
        case ["jti"]: target = fields.tokenID().map { .token($0) }
        case ["api_key"]: target = fields.apiKeyID().map { .apiKey($0) }
        default:
            fields.fail("A revocation has either sub, jti or api_key.")
            target = nil
        }
        let (issuedBefore, refuseUntil) = (fields.time("issued_before"), fields.time("refuse_until"))
        if named == ["api_key"], fields.optional("issued_before") != nil {
            fields.fail("issued_before is for tokens: an API key has no time of issue.", at: "issued_before")
        }
        if let refuseUntil, refuseUntil <= now {
            fields.fail("refuse_until lies in the past; it is a time until which to refuse.", at: "refuse_until")
        }
        try fields.check()
        guard let target else { throw Problem(.internalError, "A revocation of nothing passed the check.") }
        return Revocation(
            target, at: now, issuedBefore: named == ["sub"] ? issuedBefore ?? now : issuedBefore,
            refuseUntil: refuseUntil)
    }

    @inline(never)  // because of the same crash.
    private func removal(_ body: JSON) throws -> (Topic, Key, Session?) {
        var fields = try FieldReader(body, allowing: ["topic", "key", "session"])
        let (topic, key, session) = (fields.topic(), fields.key(), fields.session(isRequired: false))
        try fields.check()
        guard let topic, let key else { throw Problem(.internalError, "A removal of nothing passed the check.") }
        return (topic, key, session)
    }

    /// Seconds since 1970.
    private static var now: Double { Date().timeIntervalSince1970 }
}

extension Revocation {
    /// Whether it is a removal, which ends by itself and is not listed.
    fileprivate var isRemoval: Bool { if case .removed = target { true } else { false } }

    fileprivate func write(to json: inout JSONObjectWriter) {
        json.string("id", id)
        switch target {
        case .subject(let key): json.string("sub", key.text)
        case .token(let jti): json.string("jti", jti)
        case .apiKey(let id): json.string("api_key", id)
        case .removed: break
        }
        json.time("created_at", seconds: madeAt)
        if let issuedBefore { json.time("issued_before", seconds: issuedBefore) }
        if let refuseUntil { json.time("refuse_until", seconds: refuseUntil) }
        if let end { json.time("expires_at", seconds: end) }
    }
}
