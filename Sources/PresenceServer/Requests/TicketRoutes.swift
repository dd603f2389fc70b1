// Rollcall · PresenceServer

import Access
import Basics
import Foundation
import HTTPTypes
import Hummingbird
import JSONText
import PresenceModel
import PresenceStore

/// Makes tickets, each for one stream that the EventSource of a browser opens.
struct TicketRoutes: Sendable {
    let store: PresenceStore
    let options: ServerOptions

    /// `POST /v1/tickets`.
    func create(_ request: Request, _ context: RollcallRequestContext) async throws -> Response {
        let body = try await request.json("an object with topic or topics", limit: self.options.bodyBytes)
        let ticket = try self.ticket(body, request, context)
        context.allowance?.add(bytes: ticket.presence?.meta?.json.count ?? 0)
        let (text, name) = Ticket.draw()
        var end = try await self.store.issueTicket(name, try ticket.record())
        if let expiresAt = ticket.caller.expiresAt { end = min(end, Int64(expiresAt * 1000)) }
        var json = JSONObjectWriter()
        json.string("ticket", text)
        json.string("url", "\(context.basePath.text)\(ticket.path)?ticket=\(text)")
        json.time("expires_at", end)
        return Response.json(json.finish(), status: .created).notStored()
    }

    /// Reads the stream that a body asks for, and checks that the caller may open it.
    @inline(never)  // because Swift 6.3.1 crashes on an async function that this is inlined into.
    private func ticket(_ body: JSON, _ request: Request, _ context: RollcallRequestContext) throws -> Ticket {
        let (caller, limits) = (context.caller, self.options.limits)
        var fields = try FieldReader(body, allowing: ["topic", "topics", "view", "present"])
        let isOfManyTopics = fields.optional("topics") != nil
        var topics: [Topic] = []
        if isOfManyTopics == (fields.optional("topic") != nil) {
            fields.fail("A ticket has either topic or topics.")
        } else if isOfManyTopics {
            topics = fields.topics(maximum: StreamOptions.topicsPerStream)
            if Set(topics).count < topics.count { fields.fail("topics names a topic twice.", at: "topics") }
        } else if let topic = fields.topic() {
            topics = [topic]
        }
        let view = fields.view()
        let isPresence = fields.optional("present") != nil
        if isPresence && isOfManyTopics {
            fields.fail("A stream of many topics observes; name one topic to be present on it.", at: "present")
        }
        var presence: TicketPresence?
        if !isOfManyTopics, let topic = topics.first {
            presence = try fields.object("present", allowing: ["key", "session", "meta", "grace"]) {
                (present) throws(Problem) -> TicketPresence? in
                let (key, session) = (try present.key(of: caller, on: topic), present.session(isRequired: false))
                let (meta, grace) = (present.meta(limits), present.grace(limits))
                return key.map {
                    TicketPresence(
                        member: Member(key: $0, session: session ?? .random()), meta: meta,
                        grace: grace ?? limits.defaultGrace)
                }
            }
        }
        try fields.check()
        return Ticket(
            of: caller, at: Date().timeIntervalSince1970, topics: topics, isOfManyTopics: isOfManyTopics,
            see: try caller.see(topics, wanted: view, isPresence: isPresence), presence: presence,
            origin: request.headers[.origin])
    }
}

extension Ticket {
    /// The path of its stream, percent-encoded and without the base path.
    fileprivate var path: String {
        guard !isOfManyTopics, let topic = topics.first else { return "/v1/events" }
        return "/v1/topics/\(PercentEncoding.encode(topic.text))/events"
    }
}
