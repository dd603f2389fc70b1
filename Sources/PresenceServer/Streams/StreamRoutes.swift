// Rollcall · PresenceServer

import HTTPTypes
package import Hummingbird
import Logging
import NIOCore
package import Presence
package import PresenceFeed
package import PresenceStore

/// Answers with streams: of one topic, perhaps as a presence on it, or of many.
package struct StreamRoutes: Sendable {
    private let hub: FeedHub
    private let store: PresenceStore
    private let leases: LeaseKeeper
    private let registry: StreamRegistry
    private let limits: Limits
    private let options: StreamOptions

    package init(
        hub: FeedHub, store: PresenceStore, leases: LeaseKeeper, registry: StreamRegistry, limits: Limits,
        options: StreamOptions
    ) {
        self.hub = hub
        self.store = store
        self.leases = leases
        self.registry = registry
        self.limits = limits
        self.options = options
    }

    /// Answers `GET /v1/topics/{topic}/events`.
    package func topicEvents(_ request: Request, context: RollcallRequestContext) async throws -> Response {
        respond(to: try .ofOneTopic(request, context, limits: limits), context)
    }

    /// Answers `GET /v1/events?topic=…&topic=…`.
    package func manyTopicEvents(_ request: Request, context: RollcallRequestContext) async throws -> Response {
        respond(to: try .ofManyTopics(request, context, maximum: options.maximumTopics), context)
    }

    private func respond(to request: StreamRequest, _ context: RollcallRequestContext) -> Response {
        let headers: HTTPFields = [
            .contentType: "text/event-stream", .cacheControl: "no-store, no-transform", .xAccelBuffering: "no",
        ]
        let presence = request.presence.map {
            StreamPresence(topic: request.topics[0], request: $0, store: store, leases: leases, logger: context.logger)
        }
        let stream = EventStream(request: request, channel: context.channel, options: options)
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody { writer in
                // First bytes at once, so that proxies pass the head on; clients that come back do so at odd times.
                try await writer.write(
                    ByteBuffer(string: "retry: \(Int.random(in: options.retry(within: request.presence?.grace)))\n\n"))
                await run(stream, as: presence, context)
                try await writer.finish(nil)
            })
    }

    /// Runs a stream to its end.
    private func run(_ stream: EventStream, as presence: StreamPresence?, _ context: RollcallRequestContext) async {
        // While the node drains the stream ends at once, but it begins: browsers never retry after an error status.
        await registry.add(stream)
        await stream.open()
        if let presence {
            await begin(stream, as: presence, context)
        } else {
            await stream.subscribe(to: hub)
        }
        let reason = await stream.ended()
        presence?.release()
        await registry.remove(stream, because: reason)
        context.logger.debug("Stream ended", metadata: ["reason": "\(reason.rawValue)"])
    }

    private func begin(_ stream: EventStream, as presence: StreamPresence, _ context: RollcallRequestContext) async {
        // The feed follows the topic before the track, so that the track arrives as a message and needs no snapshot.
        hub.prepare(presence.topic)
        let member = presence.request.member
        let untracked = StreamFrames.untracked(member)
        do {
            let receipt = try await presence.track(
                while: { await !stream.isEnded }, onDelay: { await stream.setAway(since: $0) },
                onUntracked: { stream.loop.execute { stream.assumeIsolated { $0.tell(untracked) } } })
            guard let receipt else { return }
            await stream.setAway(since: nil)
            await stream.tell(StreamFrames.tracked(member, ref: receipt.ref, grace: presence.request.grace))
            await stream.subscribe(to: hub, as: member, reaching: receipt.cursor) { change in
                guard presence.follow(change) else { return }
                stream.assumeIsolated { $0.tell(untracked) }
            }
        } catch {
            context.logger.error("A stream's presence could not be tracked", metadata: ["error": "\(error)"])
            let problem = Problem(.internalError, "The presence could not be tracked.")
            await stream.tell(StreamFrames.error(problem, instance: context.requestID))
            await stream.end(.failed)
        }
    }
}
