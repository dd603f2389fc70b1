// Rollcall · PresenceServer

import Access
import HTTPTypes
import Hummingbird
import JSONText
import PresenceModel
import PresenceStore

/// The routes that write a presence or all of a key, and the one that reads a presence.
struct PresenceRoutes: Sendable {
    let store: PresenceStore
    let options: ServerOptions

    private var limits: Limits { self.options.limits }

    /// `POST /v1/topics/{topic}/presences`.
    func track(_ request: Request, _ context: RollcallRequestContext) async throws -> Response {
        let topic = try context.parameters.topic()
        let names: Set = ["key", "meta", "session", "ttl"]
        let tracking = try self.tracking(
            nil, of: context.caller, on: topic, try await self.fields(of: request, allowing: names))
        context.allowance?.add(bytes: tracking.metaBytes)
        let outcome = try await self.store.track([tracking], on: topic, mode: .create).only()
        return try WriteResult(outcome, of: tracking.member, on: topic).response(to: context.caller)
    }

    /// `PUT /v1/topics/{topic}/presences/{key}/{session}`.
    func put(_ request: Request, _ context: RollcallRequestContext) async throws -> Response {
        let topic = try context.parameters.topic()
        let member = try context.parameters.member()
        let mode: TrackMode = try IfNoneMatch.createsOnly(request.headers) ? .create : .put
        let condition = try RefCondition(ifMatch: request.headers)
        var tracking = try self.tracking(
            member, of: context.caller, on: topic, try await self.fields(of: request, allowing: ["meta", "ttl"]))
        tracking.condition = condition
        context.allowance?.add(bytes: tracking.metaBytes)
        let outcome = try await self.store.track([tracking], on: topic, mode: mode).only()
        return try WriteResult(outcome, of: member, on: topic).response(to: context.caller)
    }

    /// `PATCH /v1/topics/{topic}/presences/{key}/{session}`.
    func patch(_ request: Request, _ context: RollcallRequestContext) async throws -> Response {
        let topic = try context.parameters.topic()
        let member = try context.parameters.member()
        let condition = try RefCondition(ifMatch: request.headers)
        let patch = try await request.json(
            "a merge patch of the meta", limit: self.options.bodyBytes, type: "application/merge-patch+json")
        // A body that can never be a patch is refused even if the presence is absent.
        try Meta.checkPatch(patch)
        context.allowance?.add(bytes: patch.compact.count)
        let updating = UpdateItem(member: member, change: .patch(patch), condition: condition)
        let outcome = try await self.store.update([updating], on: topic).only()
        return try WriteResult(outcome, of: member, on: topic).response(to: context.caller)
    }

    /// `POST /v1/topics/{topic}/presences/{key}/{session}/heartbeat`.
    func heartbeat(_ request: Request, _ context: RollcallRequestContext) async throws -> Response {
        let topic = try context.parameters.topic()
        let member = try context.parameters.member()
        let condition = try RefCondition(ifMatch: request.headers)
        let ttl = try self.ttl(try await self.fields(of: request, allowing: ["ttl"]))
        let heartbeat = HeartbeatItem(member: member, ttl: ttl, condition: condition)
        let outcome = try await self.store.heartbeat([heartbeat], on: topic).only()
        return try WriteResult(outcome, of: member, on: topic).response(to: context.caller)
    }

    /// `DELETE /v1/topics/{topic}/presences/{key}/{session}`.
    func untrack(_ request: Request, _ context: RollcallRequestContext) async throws -> Response {
        let topic = try context.parameters.topic()
        let member = try context.parameters.member()
        let untracking = UntrackItem(member: member, condition: try RefCondition(ifMatch: request.headers))
        let outcome = try await self.store.untrack([untracking], on: topic).only()
        return try WriteResult(outcome).response(to: context.caller)
    }

    /// `DELETE /v1/topics/{topic}/presences/{key}`.
    func untrackKey(_ request: Request, _ context: RollcallRequestContext) async throws -> Response {
        let topic = try context.parameters.topic()
        _ = try await self.store.untrack(key: try context.parameters.key(), on: topic)
        return Response(status: .noContent)
    }

    /// `GET /v1/topics/{topic}/presences/{key}/{session}`.
    func presence(_ request: Request, _ context: RollcallRequestContext) async throws -> Response {
        let topic = try context.parameters.topic()
        let member = try context.parameters.member()
        guard let (receipt, stored) = try await self.store.presence(of: member, on: topic) else {
            throw Problem.absent()
        }
        let body = ReceiptBody(topic: topic, member: member, receipt: receipt, to: context.caller)
        guard try allow({ () throws(Refusal) in try context.caller.view(of: member.key, on: topic) }) == .full else {
            var response = body.response(.ok)
            // The same ref with its meta would have the same tag.
            response.headers[.eTag] = nil
            return response
        }
        let tag = EntityTag.of(receipt.ref)
        if let known = IfNoneMatch(request.headers), known.matches(tag) {
            return .unchanged(tag, cacheControl: "no-store")
        }
        return body.response(.ok, meta: stored.presence.meta)
    }

    /// Reads the presence to track; its member comes from the body if the path has none.
    @inline(never)  // because Swift 6.3.1 crashes on an async function that this is inlined into.
    private func tracking(
        _ member: Member?, of caller: Caller, on topic: Topic, _ body: FieldReader
    ) throws -> TrackItem {
        var fields = body
        var named = member
        if member == nil {
            let (key, session) = (try fields.key(of: caller, on: topic), fields.session(isRequired: false))
            named = key.map { Member(key: $0, session: session ?? .random()) }
        }
        let (meta, ttl) = (fields.meta(self.limits), fields.ttl(self.limits))
        try fields.check()
        guard let named else { throw Problem(.internalError, "A body without a key passed the check.") }
        try allow { () throws(Refusal) in try caller.requireTracking(named, on: topic) }
        return TrackItem(member: named, meta: meta, ttl: ttl)
    }

    @inline(never)  // because of the same crash.
    private func ttl(_ body: FieldReader) throws -> Int? {
        var fields = body
        let ttl = fields.ttl(self.limits)
        try fields.check()
        return ttl
    }

    private func fields(of request: Request, allowing names: Set<String>) async throws -> FieldReader {
        try FieldReader(try await request.json(limit: self.options.bodyBytes), allowing: names)
    }
}

extension TrackItem {
    /// Bytes of the meta that the client sent.
    fileprivate var metaBytes: Int { meta?.json.count ?? 0 }
}
