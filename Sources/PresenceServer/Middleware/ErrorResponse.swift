// Rollcall · PresenceServer

import Hummingbird
import Logging
import NIOCore
import Presence
import PresenceStore

/// The one place where errors become answers.
///
/// What nobody expected is logged in full and told as a 500 without details.
struct ErrorResponse {
    let response: Response

    init(to error: any Error, context: RollcallRequestContext) {
        let problem = Self.problem(for: error, context: context)
        var response = problem.response(instance: context.requestID, under: context.basePath)
        // The rest of the body is still coming.
        if problem.kind == .bodyTooLarge { response.headers[.connection] = "close" }
        self.response = response
    }

    private static func problem(for error: any Error, context: RollcallRequestContext) -> Problem {
        switch error {
        case let problem as Problem:
            return problem
        case let error as PresenceError:
            return Problem(error)
        case let error as StoreError:
            return Self.problem(for: error, logger: context.logger)
        case is CancellationError, is ChannelError, is IOError, is NIOAsyncWriterError:
            // The connection ended in the middle of the request: no fault of this node.
            context.logger.debug("http: request did not come whole", metadata: ["error": "\(error)"])
            return Problem(.malformedRequest, "The request did not come whole.")
        default:
            context.logger.error("request failed", metadata: ["error": "\(error)"])
            return Problem(.internalError, "The server failed; its log has this request's id.")
        }
    }

    /// The store's errors as a client sees them.
    static func problem(for error: StoreError, logger: Logger) -> Problem {
        switch error.code {
        case .unavailable:
            logger.debug("store unavailable", metadata: ["error": "\(error)"])
            return .unavailable("Redis cannot be reached.")
        case .refused:
            logger.debug("store refused", metadata: ["error": "\(error)"])
            return .unavailable("Redis refuses this now: \(error.message).")
        case .outOfMemory:
            logger.debug("store refuses writes", metadata: ["error": "\(error)"])
            return .unavailable("Redis is out of memory and takes no more presences.")
        case .conflictedTooOften:
            logger.info("update gave up", metadata: ["error": "\(error)"])
            return .unavailable("The presence changed at every attempt to update it.")
        case .misconfigured:
            logger.error("store refuses to work", metadata: ["error": "\(error)"])
            return .unavailable("Redis does not work with this service as it is set up.")
        case .corrupt:
            logger.error("store failed", metadata: ["error": "\(error)"])
            return Problem(.internalError, "The server failed; its log has this request's id.")
        }
    }
}
