// Rollcall · PresenceServer

import Access
import HTTPTypes
package import PresenceStore

/// The handlers of the two routes that answer with a stream.
package struct StreamHandlers: Sendable {
    let topicEvents: Route.StreamHandler
    let manyTopicEvents: Route.StreamHandler
    /// For requests of both with a ticket.
    let ticketEvents: Route.TicketHandler

    package init(
        topicEvents: @escaping Route.StreamHandler, manyTopicEvents: @escaping Route.StreamHandler,
        ticketEvents: @escaping Route.TicketHandler
    ) {
        self.topicEvents = topicEvents
        self.manyTopicEvents = manyTopicEvents
        self.ticketEvents = ticketEvents
    }
}

/// The handlers of the routes of Phoenix sockets.
package struct SocketHandlers: Sendable {
    let open: Route.SocketHandler
    let poll: Route.Handler
    let send: Route.Handler

    /// - Parameters:
    ///   - poll: Answers a long poll.
    ///   - send: Takes a batch of a long-poll session.
    package init(
        open: @escaping Route.SocketHandler, poll: @escaping Route.Handler, send: @escaping Route.Handler
    ) {
        self.open = open
        self.poll = poll
        self.send = send
    }
}

extension RouteTable {
    /// Makes every route of the service; a test compares them with `openapi.yaml`.
    ///
    /// If operators have a port of their own, metrics, revocations and removals are there alone, and the checks of
    /// `/readyz` need the right `operate` here, on an open node too.
    ///
    /// - Parameters:
    ///   - revocations: Makes, lists and lifts revocations.
    ///   - streams: The handlers that open the streams.
    ///   - sockets: The handlers of Phoenix sockets.
    ///   - checks: The checks of `/readyz`.
    ///   - metrics: The metrics of `/metrics`.
    package static func rollcall(
        _ backend: PresenceBackend, revocations: RevocationKeeper, streams: StreamHandlers, sockets: SocketHandlers,
        options: ServerOptions, checks: @escaping @Sendable () async -> [HealthCheck], metrics: PrometheusExporter
    ) -> RouteTable {
        let presences = PresenceRoutes(store: backend.store, options: options)
        let topics = TopicRoutes(backend: backend, options: options)
        let enrichment = EnrichmentRoutes(store: backend.store, options: options)
        let tickets = TicketRoutes(store: backend.store, options: options)
        let batch = BatchRoutes(store: backend.store, options: options)
        let health = HealthRoutes(checks: checks, metrics: metrics) { caller in
            options.hasOperatorPort ? caller.rights.service.contains(.operate) : caller.readsAsOperator
        }
        let documents = DocumentRoutes(basePath: options.basePath)

        let one = BodyType(limit: options.bodyBytes)
        let patch = BodyType(limit: options.bodyBytes, type: "application/merge-patch+json")
        let keys = BodyType(limit: options.bodyBytes(ofKeys: EnrichmentRoutes.maximumKeys))
        let many = BodyType(limit: options.batchBodyBytes)

        let list = "/v1/topics/{topic}/presences"
        let key = list + "/{key}"
        let presence = key + "/{session}"
        var routes = [
            Route(.post, list, "trackPresence", needs: .track, cost: .track, body: one, handler: presences.track),
            Route(
                .put, presence, "putPresence", needs: .track, cost: .track, body: one,
                conditions: [.ifMatch, .ifNoneMatch], handler: presences.put),
            Route(
                .patch, presence, "patchPresence", needs: .track, cost: .track, body: patch, conditions: [.ifMatch],
                handler: presences.patch),
            Route(
                .post, presence + "/heartbeat", "renewPresence", needs: .track, body: one, conditions: [.ifMatch],
                handler: presences.heartbeat),
            Route(
                .delete, presence, "untrackPresence", needs: .track, conditions: [.ifMatch],
                handler: presences.untrack),
            Route(.delete, key, "untrackKey", needs: .track, handler: presences.untrackKey),
            Route(.post, "/v1/batch", "runBatch", needs: .trackSomewhere, body: many, handler: batch.run),
            Route(
                .post, "/v1/enrichment/invalidations", "invalidateEnrichment", needs: .service(.enrich), body: keys,
                handler: enrichment.invalidate),

            Route(.get, list, "listPresences", needs: .see, query: ["view", "limit", "after"], handler: topics.list),
            Route(.get, key, "getKeyEntry", needs: .seeKey, handler: topics.entry),
            Route(.get, presence, "getPresence", needs: .seeKey, handler: presences.presence),
            Route(.get, "/v1/topics/{topic}", "countTopic", needs: .see, handler: topics.counts),
            Route(
                .get, "/v1/topics", "listTopics", needs: .each, query: ["prefix", "limit", "after"],
                handler: topics.topics),

            Route(
                .post, "/v1/tickets", "createTicket", needs: .each, cost: RateCost(requests: 1, bytes: 0, tickets: 1),
                body: one, handler: tickets.create),
            Route(
                streamAt: "/v1/topics/{topic}/events", "followTopic", needs: .each,
                query: ["view", "since", "key", "meta", "session", "grace", "ticket"],
                ignoring: StreamRequest.ignoredParameters, openWithTicket: streams.ticketEvents,
                open: streams.topicEvents),
            Route(
                streamAt: "/v1/events", "followTopics", needs: .each,
                query: ["topic", "view", "since", "key", "ticket"],
                ignoring: StreamRequest.ignoredParameters, openWithTicket: streams.ticketEvents,
                open: streams.manyTopicEvents),

            Route(socketAt: "/socket/websocket", "openSocketAtWebsocket", openSocket: sockets.open),
            Route(socketAt: "/socket", "openSocket", openSocket: sockets.open),
            Route(.get, "/socket/longpoll", "pollSocket", needs: .nothing, query: nil, handler: sockets.poll),
            Route(
                .post, "/socket/longpoll", "sendToSocket", needs: .nothing, query: nil,
                body: LongPollRoutes.batch, handler: sockets.send),

            Route(.get, "/readyz", "getReadiness", needs: .optional, query: nil, handler: health.ready),
            Route(.get, "/", "getDemoPage", needs: .nothing, query: nil, handler: documents.page),
            Route(.get, "/phoenix", "getPhoenixPage", needs: .nothing, query: nil, handler: documents.phoenixPage),
        ]
        if !options.hasOperatorPort {
            routes.append(
                Route(.get, "/metrics", "getMetrics", needs: .operatorReading, query: nil, handler: health.metrics))
            let access = RevocationRoutes(keeper: revocations, store: backend.store, options: options)
            routes += Self.revocations(access, listNeeds: .service(.revoke))
        }
        return RouteTable(routes + shared(health, documents), basePath: options.basePath)
    }

    /// Makes the routes of the port for operators: reads need no credential there, and all else needs its right.
    package static func operators(
        store: PresenceStore, revocations: RevocationKeeper, options: ServerOptions,
        checks: @escaping @Sendable () async -> [HealthCheck], metrics: PrometheusExporter
    ) -> RouteTable {
        let health = HealthRoutes(checks: checks, metrics: metrics) { _ in true }
        let access = RevocationRoutes(keeper: revocations, store: store, options: options)
        let routes = [
            Route(.get, "/readyz", "getReadiness", needs: .nothing, query: nil, handler: health.ready),
            Route(.get, "/metrics", "getMetrics", needs: .nothing, query: nil, handler: health.metrics),
        ]
        return RouteTable(
            routes + Self.revocations(access, listNeeds: .nothing)
                + shared(health, DocumentRoutes(basePath: options.basePath)), basePath: options.basePath)
    }

    /// The routes that revoke credentials and remove keys.
    private static func revocations(_ access: RevocationRoutes, listNeeds: RouteNeed) -> [Route] {
        let body = BodyType(limit: access.options.bodyBytes)
        return [
            Route(
                .post, "/v1/revocations", "createRevocation", needs: .service(.revoke), body: body,
                handler: access.create),
            Route(.get, "/v1/revocations", "listRevocations", needs: listNeeds, handler: access.list),
            Route(
                .delete, "/v1/revocations/{id}", "liftRevocation", needs: .service(.revoke), handler: access.lift),
            Route(
                .post, "/v1/removals", "createRemoval", needs: .service(.remove), body: body, handler: access.remove),
        ]
    }

    /// The routes that need nothing on either port; problems link to the documents.
    private static func shared(_ health: HealthRoutes, _ documents: DocumentRoutes) -> [Route] {
        [
            Route(.get, "/healthz", "getHealth", needs: .nothing, query: nil, handler: health.live),
            Route(.get, "/openapi.yaml", "getContract", needs: .nothing, query: nil, handler: documents.contract),
            Route(.get, "/problems/{kind}", "getProblem", needs: .nothing, query: nil, handler: documents.problem),
        ]
    }
}
