// Rollcall · PresenceServer

import HTTPTypes
import NIOCore

/// The stream or the socket that a request asks for.
enum StreamOffer {
    case opened(OpenedStream)
    case socket(OpenedSocket)
    /// The request has a ticket, which is in Redis.
    case awaited(@Sendable () async throws -> StreamAnswer)
}

/// The answer to a request for a stream with a ticket.
enum StreamAnswer: Sendable {
    case stream(OpenedStream)
    /// A problem, with `Connection: close`.
    case refusal(HTTPResponse, body: [ByteBuffer])
}
