// Rollcall · PresenceServer

import Access
import HTTPTypes
import Hummingbird
import PresenceModel
import PresenceFeed
import PresenceStore
import PresenceText

/// The routes that read topics: their presences and their counts.
///
/// Every answer shows its client's own writes: it is a snapshot of Redis, or a feed's replica at the position that
/// Redis has at that moment. While Redis is away a list shows the replica all the same, marked `"stale": true`.
struct TopicRoutes: Sendable {
    let backend: PresenceBackend
    let options: ServerOptions

    private var store: PresenceStore { self.backend.store }

    /// `GET /v1/topics/{topic}/presences`.
    func list(_ request: Request, _ context: RollcallRequestContext) async throws -> Response {
        let topic = try context.parameters.topic()
        let page = try ListPage(
            context.query, of: topic, to: context.caller, limits: self.options.pageLimit)
        let known = page.isTagged ? IfNoneMatch(request.headers) : nil
        // The cursor does not show whether the enrichment has changed, so an enriched list is always read.
        let isEnriched = page.view == .full && self.backend.enricher.applies(topic)
        let gate = self.backend.queueBudget.map { AnswerGate(budget: $0) }
        defer { gate?.endReading() }
        return try await self.answer(about: topic, page: page, unless: known, gate: gate) {
            let live = await self.backend.live(topic)
            if known != nil || live != nil {
                let position = try await self.store.position(of: topic)
                if let known, !isEnriched, known.matches(EntityTag.of(position)) { return .unchanged(position) }
                if let live, live.cursor == position {
                    try await self.waitForRoom(for: page, of: live, at: gate)
                    return .roster(live.roster, position)
                }
            }
            if page.view == .count {
                let (cursor, counts) = try await self.store.counts(of: topic)
                return .counts(counts, cursor)
            }
            try await gate?.waitForRoom(limit: page.limit) { try await self.store.presenceCount(of: topic) }
            return .stored(try await self.store.stored(on: topic))
        }
    }

    /// `GET /v1/topics/{topic}`.
    func counts(_ request: Request, _ context: RollcallRequestContext) async throws -> Response {
        let topic = try context.parameters.topic()
        return try await self.answer(about: topic, page: .counts) {
            if let known = IfNoneMatch(request.headers) {
                let position = try await self.store.position(of: topic)
                if known.matches(EntityTag.of(position)) { return .unchanged(position) }
            }
            let (cursor, counts) = try await self.store.counts(of: topic)
            return .counts(counts, cursor)
        }
    }

    /// `GET /v1/topics/{topic}/presences/{key}`.
    func entry(_ request: Request, _ context: RollcallRequestContext) async throws -> Response {
        let topic = try context.parameters.topic()
        let key = try context.parameters.key()
        let roster: Roster
        // While Redis is away no replica answers: it may lack a key that is present, and a 404 would be wrong.
        if let live = await self.backend.live(topic), live.cursor == (try await self.store.position(of: topic)) {
            roster = live.roster
        } else {
            roster = Roster(try await self.store.entry(of: key, on: topic))
        }
        guard let entry = roster.entry(for: key) else {
            throw Problem.absent("Nothing is present under this topic and key.")
        }
        var json: [UInt8] = []
        let view = try allow { () throws(Refusal) in try context.caller.view(of: key, on: topic) }.view
        let fields = view == .full ? await self.backend.enricher.fields(of: [key], on: topic) : .none
        RosterJSON(view: view, fields: fields).write(entry, of: key, to: &json)
        return try self.noStore(json)
    }

    /// `GET /v1/topics`.
    func topics(_ request: Request, _ context: RollcallRequestContext) async throws -> Response {
        let prefix = try context.query.one("prefix").flatMap { $0.isEmpty ? nil : $0 }
        let after = try context.query.name("after", Topic.init(_:at:))
        let limit = try context.query.int("limit", in: self.options.pageLimit) ?? self.options.defaultTopics
        let filter = try allow { () throws(Refusal) in try context.caller.topics(withPrefix: prefix ?? "") }
        var topics = try await self.store.topics(
            prefix: prefix, after: after, limit: limit + 1, where: { filter.shows($0) })
        var next: NextPage?
        if topics.count > limit {
            topics.removeLast(topics.count - limit)
            next = NextPage(
                of: "/v1/topics", [("prefix", prefix), ("limit", "\(limit)"), ("after", topics.last?.topic.text)])
        }
        var json = JSONObjectWriter()
        json.array("topics", topics) { counts, element in
            element.string("topic", counts.topic.text)
            element.int("keys", counts.keys)
            element.int("presences", counts.presences)
        }
        next?.write(to: &json, under: context.basePath)
        var response = try self.noStore(json.finish())
        if let next { response.headers[.link] = next.link }
        return response
    }

    /// The data of an answer about a topic's presences.
    private enum Answer {
        case unchanged(Cursor)
        case roster(Roster, Cursor)
        case stored(StoredTopic)
        case counts(TopicCounts, Cursor)
    }

    /// Answers with the data that `read` gives, or while Redis is away with the feed's replica.
    private func answer(
        about topic: Topic, page: ListPage, unless known: IfNoneMatch? = nil, gate: AnswerGate? = nil,
        _ read: () async throws -> Answer
    ) async throws -> Response {
        func body(at cursor: Cursor, isStale: Bool = false) -> ListBody {
            ListBody(topic: topic, cursor: cursor, page: page, basePath: self.options.basePath, isStale: isStale)
        }
        do {
            switch try await read() {
            case .unchanged(let cursor):
                return ListBody.unchanged(EntityTag.of(cursor))
            case .roster(let roster, let cursor):
                if page.view != .count { try gate?.checkRoom(min(roster.presenceCount, page.limit ?? .max)) }
                return await body(at: cursor).response(roster, enrichedBy: self.backend.enricher, unless: known)
            case .stored(let stored):
                try gate?.checkRoom(min(stored.count, page.limit ?? .max))
                return try await body(at: stored.cursor).response(
                    stored, enrichedBy: self.backend.enricher, unless: known)
            case .counts(let counts, let cursor):
                return body(at: cursor).response(keys: counts.keys, presences: counts.presences)
            }
        } catch let error as StoreError where error.code == .unavailable || error.code == .refused {
            guard let live = await self.backend.live(topic) else { throw error }
            try await self.waitForRoom(for: page, of: live, at: gate)
            return await body(at: live.cursor, isStale: true).response(
                live.roster, enrichedBy: self.backend.enricher, unless: nil)
        }
    }

    /// Waits until a list of a feed's replica may be made; only the presences that it shows count.
    private func waitForRoom(for page: ListPage, of live: LiveRoster, at gate: AnswerGate?) async throws {
        guard page.view != .count else { return }
        let shown = min(live.roster.presenceCount, page.limit ?? .max)
        try await gate?.waitForRoom(limit: shown) { shown }
    }

    private func noStore(_ json: [UInt8]) throws(Problem) -> Response {
        try self.backend.queueBudget?.checkRoom(bytes: json.count)
        return Response.json(json).notStored()
    }
}

extension Roster {
    /// The roster of a snapshot.
    fileprivate init(_ snapshot: Snapshot) {
        self.init(snapshot.presences.lazy.map { ($0.member, $0.stored.presence) })
    }
}
