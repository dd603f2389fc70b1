// Rollcall · PresenceServer

import Basics
import Hummingbird
import Logging
import NIOCore
import PresenceModel
import PresenceStore

/// Turns errors into answers; no other place does.
///
/// An unexpected error is logged in full, and the client gets a 500 without details.
struct ErrorResponse {
    let response: Response

    init(to error: any Error, context: RollcallRequestContext) {
        let problem = Self.problem(for: error, context: context)
        var response = problem.response(instance: context.requestID, under: context.basePath)
        // The client still sends the rest of the body.
        if problem.kind == .bodyTooLarge { response.headers[.connection] = "close" }
        self.response = response
    }

    private static func problem(for error: any Error, context: RollcallRequestContext) -> Problem {
        switch error {
        case let problem as Problem:
            return problem
        case let error as InputError:
            return Problem(error)
        case let error as StoreError:
            return Self.problem(for: error, logger: context.logger)
        case is CancellationError, is ChannelError, is IOError, is NIOAsyncWriterError:
            // The connection ended within the request, which is no fault of this node.
            context.logger.debug("http: connection ended within a request", metadata: ["error": "\(error)"])
            return Problem(.malformedRequest, "The request is incomplete.")
        default:
            context.logger.error("http: request failed", metadata: ["error": "\(error)"])
            return Problem(.internalError, "The server failed; its log has this request's id.")
        }
    }

    /// Logs an error of the store, and returns the problem that the client gets.
    static func problem(for error: StoreError, logger: Logger) -> Problem {
        switch error.code {
        case .unavailable:
            logger.debug("store: Redis is unavailable", metadata: ["error": "\(error)"])
            return .unavailable("Redis cannot be reached.")
        case .refused:
            logger.debug("store: Redis refused the command", metadata: ["error": "\(error)"])
            return .unavailable("Redis refuses this now: \(error.message).")
        case .outOfMemory:
            logger.debug("store: Redis is out of memory", metadata: ["error": "\(error)"])
            return .unavailable("Redis is out of memory and takes no more presences.")
        case .conflictedTooOften:
            logger.info(
                "store: update given up, the presence changed at every attempt", metadata: ["error": "\(error)"])
            return .unavailable("The presence changed at every attempt to update it.")
        case .misconfigured:
            logger.error("store: data in Redis is of an incompatible version", metadata: ["error": "\(error)"])
            return .unavailable("Redis has data of a version of Rollcall that this node cannot use.")
        case .corrupt:
            logger.error("store: Redis sent an unexpected value or error", metadata: ["error": "\(error)"])
            return Problem(.internalError, "The server failed; its log has this request's id.")
        }
    }
}
