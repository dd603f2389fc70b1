// Rollcall · PresenceServer

import Basics
import HTTPTypes
import Hummingbird
import PresenceModel
import PresenceFeed
import PresenceStore
import PresenceText

/// A list of presences, or their counts, at one cursor.
struct ListBody {
    let topic: Topic
    let cursor: Cursor
    let page: ListPage
    /// The path that is put before the address of the next page.
    let basePath: BasePath
    /// Whether it comes from a replica while Redis is away, and may be out of date.
    var isStale = false

    /// Answers with a page of the roster, or with 304 if the client has that list already.
    func response(_ roster: Roster, enrichedBy enricher: EnrichmentSource, unless known: IfNoneMatch?) async -> Response
    {
        if self.page.view == .count {
            return self.response(keys: roster.keyCount, presences: roster.presenceCount)
        }
        return await self.response(PresenceList(roster), enrichedBy: enricher, unless: known)
    }

    /// Answers with a page of a topic that was read from Redis, in the same way.
    func response(
        _ stored: StoredTopic, enrichedBy enricher: EnrichmentSource, unless known: IfNoneMatch?
    ) async throws(StoreError) -> Response {
        await self.response(try stored.list(), enrichedBy: enricher, unless: known)
    }

    private func response(
        _ presences: PresenceList, enrichedBy enricher: EnrichmentSource, unless known: IfNoneMatch?
    ) async -> Response {
        var list = presences
        let next = list.show(after: self.page.after, limit: self.page.limit ?? .max).map { self.nextPage(after: $0) }
        let isEnriched = self.page.view == .full && enricher.applies(self.topic)
        let fields = isEnriched ? await enricher.fields(of: list.keys, on: self.topic) : .none
        let tag = self.hasTag ? EntityTag.of(self.cursor, fields) : nil
        if let tag, let known, known.matches(tag) { return Self.unchanged(tag) }
        var response = self.response(tag: tag) { json in
            json.raw("presences") {
                RosterJSON(view: self.page.view, fields: fields).write(list, to: &$0)
            }
            next?.write(to: &json, under: self.basePath)
        }
        if let next { response.headers[.link] = next.link }
        return response
    }

    /// The page after the one that ends with a key.
    private func nextPage(after key: Key) -> NextPage {
        let view = self.page.view == .full ? nil : self.page.view.rawValue
        let limit = self.page.limit.map { "\($0)" }
        return NextPage(
            of: "/v1/topics/\(PercentEncoding.encode(self.topic.text))/presences",
            [("view", view), ("limit", limit), ("after", key.text)])
    }

    func response(keys: Int, presences: Int) -> Response {
        self.response(tag: self.hasTag ? EntityTag.of(self.cursor) : nil) { json in
            json.int("keys", keys)
            json.int("presences", presences)
        }
    }

    /// The 304 for a list, or for counts, that the client has already.
    static func unchanged(_ tag: String) -> Response { .unchanged(tag, cacheControl: "no-cache") }

    private var hasTag: Bool { self.page.isTagged && !self.isStale }

    private func response(tag: String?, _ write: (inout JSONObjectWriter) -> Void) -> Response {
        var json = JSONObjectWriter()
        json.string("topic", self.topic.text)
        json.string("cursor", self.cursor.description)
        if self.isStale { json.bool("stale", true) }
        write(&json)
        var response = Response.json(json.finish())
        if let tag {
            response.headers[.eTag] = tag
            response.headers[.cacheControl] = "no-cache"
        } else {
            response.headers[.cacheControl] = "no-store"
        }
        return response
    }
}
