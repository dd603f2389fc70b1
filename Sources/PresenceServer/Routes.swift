// Rollcall · PresenceServer

import HTTPTypes

/// The handlers of the two routes that answer with a stream.
package struct StreamHandlers: Sendable {
    let topicEvents: Route.StreamHandler
    let manyTopicEvents: Route.StreamHandler

    package init(topicEvents: @escaping Route.StreamHandler, manyTopicEvents: @escaping Route.StreamHandler) {
        self.topicEvents = topicEvents
        self.manyTopicEvents = manyTopicEvents
    }
}

extension RouteTable {
    /// Makes every route of the service; a test compares them with `openapi.yaml`.
    ///
    /// - Parameters:
    ///   - streams: The handlers that open the streams.
    ///   - checks: The checks of `/readyz`.
    ///   - metrics: The metrics of `/metrics`.
    package static func rollcall(
        _ backend: PresenceBackend, streams: StreamHandlers, options: ServerOptions,
        checks: @escaping @Sendable () async -> [HealthCheck], metrics: PrometheusExporter
    ) -> RouteTable {
        let presences = PresenceRoutes(store: backend.store, options: options)
        let topics = TopicRoutes(backend: backend, options: options)
        let enrichment = EnrichmentRoutes(store: backend.store, options: options)
        let batch = BatchRoutes(store: backend.store, options: options)
        let health = HealthRoutes(checks: checks, metrics: metrics)
        let documents = DocumentRoutes(basePath: options.basePath)

        let one = BodyType(limit: options.bodyBytes)
        let patch = BodyType(limit: options.bodyBytes, type: "application/merge-patch+json")
        let keys = BodyType(limit: options.bodyBytes(ofKeys: EnrichmentRoutes.maximumKeys))
        let many = BodyType(limit: options.batchBodyBytes)

        let list = "/v1/topics/{topic}/presences"
        let key = list + "/{key}"
        let presence = key + "/{session}"
        let routes = [
            Route(.post, list, "trackPresence", body: one, handler: presences.track),
            Route(
                .put, presence, "putPresence", body: one, conditions: [.ifMatch, .ifNoneMatch], handler: presences.put),
            Route(.patch, presence, "patchPresence", body: patch, conditions: [.ifMatch], handler: presences.patch),
            Route(
                .post, presence + "/heartbeat", "renewPresence", body: one, conditions: [.ifMatch],
                handler: presences.heartbeat),
            Route(.delete, presence, "untrackPresence", conditions: [.ifMatch], handler: presences.untrack),
            Route(.delete, key, "untrackKey", handler: presences.untrackKey),
            Route(.post, "/v1/batch", "runBatch", body: many, handler: batch.run),
            Route(
                .post, "/v1/enrichment/invalidations", "invalidateEnrichment", body: keys,
                handler: enrichment.invalidate),

            Route(.get, list, "listPresences", query: ["view", "limit", "after"], handler: topics.list),
            Route(.get, key, "getKeyEntry", handler: topics.entry),
            Route(.get, presence, "getPresence", handler: presences.presence),
            Route(.get, "/v1/topics/{topic}", "countTopic", handler: topics.counts),
            Route(.get, "/v1/topics", "listTopics", query: ["prefix", "limit", "after"], handler: topics.topics),

            Route(
                streamAt: "/v1/topics/{topic}/events", "followTopic",
                query: ["view", "since", "key", "meta", "session", "grace"], ignoring: StreamRequest.ignoredParameters,
                open: streams.topicEvents),
            Route(
                streamAt: "/v1/events", "followTopics", query: ["topic", "view", "since", "key"],
                ignoring: StreamRequest.ignoredParameters, open: streams.manyTopicEvents),

            Route(.get, "/healthz", "getHealth", query: nil, handler: health.live),
            Route(.get, "/readyz", "getReadiness", query: nil, handler: health.ready),
            Route(.get, "/metrics", "getMetrics", query: nil, handler: health.metrics),
            Route(.get, "/openapi.yaml", "getContract", query: nil, handler: documents.contract),
            Route(.get, "/problems/{kind}", "getProblem", query: nil, handler: documents.problem),
            Route(.get, "/", "getDemoPage", query: nil, handler: documents.page),
        ]
        return RouteTable(routes, basePath: options.basePath)
    }
}
