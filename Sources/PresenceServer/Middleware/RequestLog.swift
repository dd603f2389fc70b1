// Rollcall · PresenceServer

import HTTPTypes
import Hummingbird
import Logging

/// One line for every answered request: method, path, status, duration; the id is in the logger.
///
/// At `debug`, and at `warning` for what this service got wrong itself. An outage of Redis is neither: its 503s are
/// counted. The query stays out of it, since tokens and metas travel there. A stream is logged when it begins.
struct RequestLog: Sendable {
    func record(
        _ request: Request, status: HTTPResponse.Status, duration: Duration, context: RollcallRequestContext
    ) {
        let level = status == .internalServerError ? Logger.Level.warning : .debug
        guard context.logs(at: level) else { return }
        context.logger.log(
            level: level, "request",
            metadata: [
                "method": "\(request.method.rawValue)",
                "path": "\(request.uri.path)",
                "status": "\(status.code)",
                "duration_us": "\(duration / .microseconds(1))",
            ])
    }
}
