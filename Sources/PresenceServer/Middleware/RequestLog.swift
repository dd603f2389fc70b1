// Rollcall · PresenceServer

import HTTPTypes
import Hummingbird
import Logging

/// Logs one line for every answered request: method, path, status, duration; the logger has the id.
///
/// The level is `warning` for a 500, and `debug` for every other status: metrics count the 503s of an outage of Redis.
/// The query is left out, because it may hold tokens and metas. A stream is logged when it begins.
struct RequestLog: Sendable {
    func record(
        _ request: Request, status: HTTPResponse.Status, duration: Duration, context: RollcallRequestContext
    ) {
        let level = status == .internalServerError ? Logger.Level.warning : .debug
        guard context.logs(at: level) else { return }
        context.logger.log(
            level: level, "http: request answered",
            metadata: [
                "method": "\(request.method.rawValue)",
                "path": "\(request.uri.path)",
                "status": "\(status.code)",
                "duration_us": "\(duration / .microseconds(1))",
            ])
    }
}
