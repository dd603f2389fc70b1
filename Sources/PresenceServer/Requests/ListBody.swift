// Rollcall · PresenceServer

import HTTPTypes
import Hummingbird
import Presence

/// A list of presences, or their counts, at one cursor.
struct ListBody {
    let topic: Topic
    let cursor: Cursor
    let page: ListPage
    /// Shown while Redis is away: true once, perhaps no longer.
    var isStale = false

    func response(_ roster: Roster) -> Response {
        if self.page.view == .count {
            return self.response(keys: roster.keyCount, presences: roster.presenceCount)
        }
        // One more than asked for shows whether there is a next page.
        var keys = roster.keys(after: self.page.after, limit: self.page.limit.map { $0 + 1 } ?? .max)
        var next: Key?
        if let limit = self.page.limit, keys.count > limit {
            keys.removeLast()
            next = keys.last
        }
        var response = self.response { json in
            json.raw("presences") { RosterJSON(view: self.page.view).write(roster, keys: keys, to: &$0) }
        }
        if let next, let limit = self.page.limit {
            let view = self.page.view == .full ? nil : self.page.view.rawValue
            response.link(
                toNext: "/v1/topics/\(PercentEncoding.encode(self.topic.text))/presences",
                [("view", view), ("limit", "\(limit)"), ("after", next.text)])
        }
        return response
    }

    func response(keys: Int, presences: Int) -> Response {
        self.response { json in
            json.int("keys", keys)
            json.int("presences", presences)
        }
    }

    private func response(_ write: (inout JSONObjectWriter) -> Void) -> Response {
        var json = JSONObjectWriter()
        json.string("topic", self.topic.text)
        json.string("cursor", self.cursor.description)
        if self.isStale { json.bool("stale", true) }
        write(&json)
        var response = Response.json(json.finish())
        if self.page.isWhole && !self.isStale {
            response.headers[.eTag] = EntityTag.of(self.cursor)
            response.headers[.cacheControl] = "no-cache"
        } else {
            response.headers[.cacheControl] = "no-store"
        }
        return response
    }
}

extension Response {
    /// Adds the address of the next page.
    mutating func link(toNext path: String, _ query: [(name: String, value: String?)]) {
        let query = query.compactMap { name, value in value.map { "\(name)=\(PercentEncoding.encode($0))" } }
        self.headers[.link] = "<\(path)?\(query.joined(separator: "&"))>; rel=\"next\""
    }
}
