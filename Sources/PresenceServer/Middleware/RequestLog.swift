// Rollcall · PresenceServer

import HTTPTypes
import Hummingbird
package import Logging

/// One line for every answered request: method, path, status, duration; the id is in the logger.
///
/// The query stays out of it, since tokens and metas travel there. A stream is logged when it begins.
package struct RequestLog: Sendable {
    private let level: Logger.Level

    /// - Parameter level: Of ordinary requests; what the server got wrong itself is logged as a warning.
    package init(level: Logger.Level = .debug) {
        self.level = level
    }

    func record(_ request: Request, status: HTTPResponse.Status, duration: Duration, logger: Logger) {
        logger.log(
            level: status.kind == .serverError ? max(.warning, self.level) : self.level, "request",
            metadata: [
                "method": "\(request.method.rawValue)",
                "path": "\(request.uri.path)",
                "status": "\(status.code)",
                "duration_us": "\(duration / .microseconds(1))",
            ])
    }
}
