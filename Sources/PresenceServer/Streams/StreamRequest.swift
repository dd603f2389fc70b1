// Rollcall · PresenceServer

import Access
import Basics
import Hummingbird
import PresenceModel
import PresenceFeed
import PresenceStore
import PresenceText

/// The parameters of a requested stream, checked before the first byte of the response.
struct StreamRequest: Sendable {
    /// In the order of the query, which is the order of the cursors in an `id`.
    let topics: [Topic]
    let format: FrameFormat
    /// The client's cursors, one for each topic; `.empty` where it names none.
    let since: [Cursor]
    /// The presence that the stream tracks, if any.
    let presence: StreamPresenceRequest?
    /// Whether the caller sees the topic; without that right a stream reports its own presence only.
    let seesTopic: Bool
    /// The opening with a ticket; nil for a stream that was opened with a credential.
    var ticket: TicketUse?

    /// A stream of the topic in the path.
    static func ofOneTopic(
        _ request: Request, _ context: RollcallRequestContext, limits: Limits
    ) throws(Problem) -> StreamRequest {
        let topic = try context.parameters.topic()
        let presence = try StreamPresenceRequest(context.query, limits: limits)
        if let presence {
            try allow { () throws(Refusal) in try context.caller.requireWriting(presence.member.key, on: topic) }
        }
        let see = try context.caller.see(
            [topic], wanted: context.query.choice("view"), isPresence: presence != nil)
        return StreamRequest(
            topics: [topic], format: FrameFormat(view: see.view),
            since: try LastID(of: request, context.query).cursors(count: 1), presence: presence,
            seesTopic: see != .nothing)
    }

    /// A stream of the topics in the query.
    static func ofManyTopics(
        _ request: Request, _ context: RollcallRequestContext, maximum: Int
    ) throws(Problem) -> StreamRequest {
        var topics: [Topic] = []
        for text in context.query.all("topic") {
            do {
                topics.append(try Topic(text))
            } catch {
                throw Problem(.invalidName, at: .parameter("topic"), error.detail)
            }
        }
        guard !context.query.has("key") else {
            throw Problem(
                .invalidQuery, at: .parameter("key"),
                "A stream of many topics observes; open /v1/topics/{topic}/events with key to be present on one.")
        }
        guard (1...maximum).contains(topics.count), Set(topics).count == topics.count else {
            throw Problem(
                .invalidQuery, at: .parameter("topic"),
                "A stream follows 1 to \(maximum) different topics, each as topic=…; this query names \(topics.count).")
        }
        let see = try context.caller.see(topics, wanted: context.query.choice("view"), isPresence: false)
        return StreamRequest(
            topics: topics, format: FrameFormat(view: see.view, isWrapped: true),
            since: try LastID(of: request, context.query).cursors(count: topics.count), presence: nil, seesTopic: true)
    }

    /// Further parameters that the query of a stream may have: the last id under other names, a polyfill's request for
    /// padding, and values that pages add to defeat caches.
    static let ignoredParameters: Set<String> = Set(LastID.parameters).union([
        "evs_preamble", "padding", "_", "_t", "t", "ts", "cb", "nocache", "cachebuster", "cacheBuster", "cacheBust",
        "r",
        "_dc", "rnd", "rand", "random", "time", "timestamp", "v", "nonce",
    ])
}

extension StreamRequest {
    /// The stream of a ticket.
    init(_ ticket: Ticket, _ use: TicketUse, after lastID: LastID) {
        topics = ticket.topics
        format = FrameFormat(view: ticket.see.view, isWrapped: ticket.isOfManyTopics, hasID: false)
        since = lastID.cursors(count: ticket.topics.count)
        presence = ticket.presence.map { StreamPresenceRequest($0) }
        seesTopic = ticket.see != .nothing
        self.ticket = use
    }

    /// All parameters that the query of a stream with a ticket may have; the ticket has the rest.
    static let parametersWithTicket: Set = ["ticket", "since", "lastEventId"]
}
