// Rollcall · PresenceServer

import Access
import Basics
import Hummingbird
import PresenceModel
import PresenceFeed
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

    /// A stream of the topic in the path.
    static func ofOneTopic(
        _ request: Request, _ context: RollcallRequestContext, limits: Limits
    ) throws(Problem) -> StreamRequest {
        let topic = try context.parameters.topic()
        let presence = try StreamPresenceRequest(context.query, limits: limits)
        if let presence {
            try allow { () throws(Refusal) in try context.caller.requireWriting(presence.member.key, on: topic) }
        }
        let seesTopic = presence == nil || context.caller.seesPosition(of: topic) || context.query.has("view")
        let view = seesTopic ? try context.caller.view(of: topic, context.query) : .count
        return StreamRequest(
            topics: [topic], format: FrameFormat(view: view), since: try cursors(request, context, count: 1),
            presence: presence, seesTopic: seesTopic)
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
        var view = View.full
        for topic in topics {
            let allowed = try context.caller.view(of: topic, context.query)
            if TopicRight.See(allowed) < TopicRight.See(view) { view = allowed }
        }
        return StreamRequest(
            topics: topics, format: FrameFormat(view: view, isWrapped: true),
            since: try cursors(request, context, count: topics.count), presence: nil, seesTopic: true)
    }

    /// The query parameters in which polyfills of EventSource send the last id, because they cannot set a header.
    private static let lastIDParameters = [
        "lastEventId", "lastEventID", "LastEventId", "LastEventID", "lasteventid", "last_event_id", "last-event-id",
        "Last-Event-Id", "Last-Event-ID", "evs_last_event_id",
    ]

    /// Further parameters that the query of a stream may have: the last id under other names, a polyfill's request for
    /// padding, and values that pages add to defeat caches.
    static let ignoredParameters: Set<String> = Set(lastIDParameters).union([
        "evs_preamble", "padding", "_", "_t", "t", "ts", "cb", "nocache", "cachebuster", "cacheBuster", "cacheBust",
        "r",
        "_dc", "rnd", "rand", "random", "time", "timestamp", "v", "nonce",
    ])

    /// The cursors of `Last-Event-ID`, else of the other names of the last id, else of `since`.
    ///
    /// For a text that is not a cursor the client gets a fresh state, and no error.
    private static func cursors(
        _ request: Request, _ context: RollcallRequestContext, count: Int
    ) throws(Problem) -> [Cursor] {
        let since = try context.query.one("since")
        let last = lastIDParameters.lazy.flatMap { context.query.all($0) }.first { !$0.isEmpty }
        let header = request.headers[.lastEventID].flatMap { $0.isEmpty ? nil : $0 }
        let text = header ?? last ?? since ?? ""
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).map { Cursor(String($0)) ?? .empty }
        return parts.count == count ? parts : Array(repeating: .empty, count: count)
    }
}
