// Rollcall · PresenceServer

import Access
import Basics
import Foundation
import HTTPTypes
package import Hummingbird
import Logging
import NIOCore
package import PresenceModel
package import PresenceFeed
package import PresenceStore
import PresenceText

/// Answers requests for streams: of one topic, optionally with a presence on it, or of many topics.
package struct StreamRoutes: Sendable {
    private let hub: FeedHub
    private let store: PresenceStore
    private let leases: LeaseKeeper
    private let tickets: TicketKeeper
    private let registry: StreamRegistry
    private let limits: Limits
    /// Holds callers to their limits; nil has none.
    private let callerLimits: RequestLimits?
    private let options: StreamOptions

    package init(
        hub: FeedHub, store: PresenceStore, leases: LeaseKeeper, tickets: TicketKeeper, registry: StreamRegistry,
        limits: Limits, callerLimits: RequestLimits? = nil, options: StreamOptions
    ) {
        self.hub = hub
        self.store = store
        self.leases = leases
        self.tickets = tickets
        self.registry = registry
        self.limits = limits
        self.callerLimits = callerLimits
        self.options = options
    }

    /// Answers `GET /v1/topics/{topic}/events`.
    package func topicEvents(_ request: Request, context: RollcallRequestContext) throws -> OpenedStream {
        try open(.ofOneTopic(request, context, limits: limits), context)
    }

    /// Answers `GET /v1/events?topic=…&topic=…`.
    package func manyTopicEvents(_ request: Request, context: RollcallRequestContext) throws -> OpenedStream {
        try open(.ofManyTopics(request, context, maximum: StreamOptions.topicsPerStream), context)
    }

    /// Answers a request for a stream with a ticket.
    ///
    /// HEAD only checks the ticket.
    ///
    /// Everything is checked before Redis gives the ticket to this opening, so a refused request uses nothing up.
    package func ticketEvents(_ request: Request, context: RollcallRequestContext) async throws -> OpenedStream {
        guard let callerLimits else { return try await openWithTicket(request, context) }
        // A ticket is a credential: its check costs a request to Redis.
        try allow { () throws(Refusal) in try callerLimits.checkFailures(of: request.head, on: context.channel) }
        do {
            return try await openWithTicket(request, context)
        } catch let error as Problem where error.kind == .unauthenticated {
            var problem = error
            callerLimits.noteFailure(of: request.head, on: context.channel, &problem.headers)
            throw problem
        }
    }

    private func openWithTicket(
        _ request: Request, _ context: RollcallRequestContext
    ) async throws -> OpenedStream {
        guard let name = Ticket.name(of: try context.query.one("ticket") ?? "") else {
            throw Problem(Refusal.ticket("has another form than those of this service"))
        }
        let lastID = try LastID(of: request, context.query)
        guard let stored = try await store.ticket(name), let ticket = Ticket(record: stored.record) else {
            throw Problem(.unknownTicket)
        }
        try registry.credentials.requireRevocations()
        let caller = try allow { () throws(Refusal) in
            try ticket.check(
                origin: request.headers[.origin], by: registry.credentials, at: Date().timeIntervalSince1970)
        }
        let topic = try context.parameters.has("topic") ? context.parameters.topic() : nil
        guard ticket.isOfManyTopics == (topic == nil), topic == nil || topic == ticket.topics.first else {
            throw Problem(Refusal.ticket("opens another stream: use the url that came with it"))
        }
        if let tag = stored.tag, tag != lastID.tag { throw Problem(.usedTicket) }

        var context = context
        context.caller = caller
        let use = TicketUse(name: name, tag: Ref.random().text)
        var stream = try open(StreamRequest(ticket, use, after: lastID), context)
        let cost = request.method == .head ? RateCost(requests: 1) : .ofStream(ticket)
        let allowance = try callerLimits?.admit(caller, cost, for: request.head, on: context.channel)
        allowance?.write(to: &stream.headers)
        guard request.method != .head else { return stream }
        switch try await store.redeemTicket(use, lastTag: lastID.tag) {
        case .done: return stream
        case .absent: throw Problem(.unknownTicket)
        case .taken: throw Problem(.usedTicket)
        }
    }

    private func open(_ request: StreamRequest, _ context: RollcallRequestContext) throws(Problem) -> OpenedStream {
        try allow { () throws(Refusal) in
            try context.caller.requireFollowing(request.topics, as: request.presence?.member)
        }
        try callerLimits?.checkStocks(of: context.caller, topics: request.topics.count)
        guard hub.hasRoom(for: request.topics) else { throw .tooManyTopics }
        var headers = HTTPFields()
        // In one allocation, with those that are added later.
        headers.reserveCapacity(12)
        headers[.contentType] = "text/event-stream"
        headers[.cacheControl] = "no-store, no-transform"
        headers[.xAccelBuffering] = "no"
        // Proxies that keep connections to a node must not reuse this one.
        headers[.connection] = "close"
        // The first bytes go out at once, so that proxies forward the head. The random `retry` spreads reconnects.
        var first = EventFrame()
        first.append("retry: \(Int.random(in: options.retry(within: request.presence?.grace)))\n\n")
        if let ticket = request.ticket {
            // The client needs the tag to open the stream again, even if no other event comes before it reconnects.
            first.event("ping", id: LastID.text(request.since, tag: ticket.tag)) { $0.append(literal: "{}") }
        }
        return OpenedStream(headers: headers, first: first.chunk()) { channel, opening, isChunked in
            let stream = EventStream(
                request: request, loop: channel.eventLoop, options: options, budget: registry.budget)
            stream.assumeIsolated { stream in
                do {
                    try stream.begin(on: channel, isChunked: isChunked) {
                        registry.noteUnboundedSilence($0, logger: context.logger)
                    }
                } catch {
                    return context.logger.debug(
                        "streams: connection closed before its stream began", metadata: ["error": "\(error)"])
                }
                stream.open(with: opening)
                if context.caller.identity != .open {
                    let now = Date().timeIntervalSince1970
                    stream.follow(
                        StreamCredential(context.caller, at: now), errorFrame: Self.errorFrame(for: context))
                }
                registry.keep(stream, logger: context.logger)
                callerLimits?.keep(stream, of: context.caller, topics: request.topics.count)
                if let ticket = request.ticket { hold(ticket, for: stream) }
                // Before the stream's own track, so that the track arrives as a message and needs no snapshot.
                guard hub.follow(request.topics) else {
                    stream.send(
                        StreamFrames.error(.tooManyTopics, instance: context.requestID, under: context.basePath))
                    return stream.end(.nodeFull)
                }
                guard let presence = request.presence else { return stream.subscribe(to: hub) }
                let track = StreamPresence(
                    topic: request.topics[0], request: presence, isReturning: request.since[0] != .empty, store: store,
                    leases: leases, logger: context.logger)
                stream.track { await self.track(track, of: $0, context) }
            }
        }
    }

    /// Keeps the ticket of a stream, and ends the stream when a later opening has the ticket.
    private func hold(_ ticket: TicketUse, for stream: isolated EventStream) {
        tickets.hold(ticket) { [stream] in
            stream.loop.execute { stream.assumeIsolated { $0.end(.replaced) } }
        }
        stream.whenEnded { _ in tickets.release(ticket) }
    }

    /// Tracks the presence of a stream, then subscribes the stream to its topic; runs on the stream's loop.
    private func track(
        _ presence: StreamPresence, of stream: isolated EventStream, _ context: RollcallRequestContext
    ) async {
        do {
            let tracked = try await presence.track(
                while: { !stream.isEnded }, onDelay: { stream.setDegraded(since: $0) },
                onUntracked: { member in
                    stream.loop.execute { stream.assumeIsolated { $0.send(StreamFrames.untracked(member)) } }
                })
            let member = tracked?.member ?? presence.request.member
            stream.whenEnded { presence.release(member, after: $0) }
            guard let receipt = tracked?.receipt else { return }
            stream.setDegraded(since: nil)
            stream.send(StreamFrames.tracked(member, ref: receipt.ref, grace: presence.request.grace))
            let error = Self.errorFrame(for: context)
            stream.subscribe(to: hub, as: member, reaching: receipt.cursor) { change in
                switch presence.follow(change, of: member) {
                case .untracked: stream.assumeIsolated { $0.send(StreamFrames.untracked(member)) }
                case .removed:
                    stream.assumeIsolated { stream in
                        stream.send(error(Problem(.removal(from: presence.topic))))
                        stream.end(.removed)
                    }
                default: break
                }
            }
        } catch {
            context.logger.error("streams: presence cannot be tracked, stream ends", metadata: ["error": "\(error)"])
            let problem = Problem(.internalError, "The presence could not be tracked.")
            stream.whenEnded { presence.release(presence.request.member, after: $0) }
            stream.send(StreamFrames.error(problem, instance: context.requestID, under: context.basePath))
            stream.end(.failed)
        }
    }
}

extension StreamRoutes {
    /// Makes the events `error` of a stream; keeps no more of the context than it needs.
    private static func errorFrame(for context: RollcallRequestContext) -> @Sendable (Problem) -> ByteBuffer {
        let (id, base) = (context.requestID, context.basePath)
        return { StreamFrames.error($0, instance: id, under: base) }
    }
}

extension Refusal {
    /// A removal that was made just now.
    fileprivate static func removal(from topic: Topic) -> Refusal {
        .removed(topic: topic.text, seconds: Revocation.removalSeconds)
    }

    fileprivate static let unknownTicket = ticket(
        "is not known: it was not used within \(PresenceStore.ticketFirstUse) seconds, or had no stream for "
            + "\(PresenceStore.ticketLease) seconds")
    fileprivate static let usedTicket = ticket("is used: only the last id of its stream opens the stream again")
}

extension Problem {
    static let tokenExpired = Problem(
        .tokenExpired, "The credential has ended. Open the stream again with a new one; its session keeps its grace.")

    /// The node is at its bound on topics; it is removing feeds without streams, so a retry after 1 s may succeed.
    static var tooManyTopics: Problem {
        var problem = Problem(
            .nodeFull,
            "This node follows as many topics as it may. Streams of topics that it follows already can be opened.")
        problem.headers[.retryAfter] = "1"
        return problem
    }
}
