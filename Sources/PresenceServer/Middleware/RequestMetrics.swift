// Rollcall · PresenceServer

import HTTPTypes
import Metrics

/// Counts requests by method, route template and class of status; times them by the first two; never by topic or key.
///
/// A stream is timed until its answer begins, so that hour-long streams do not distort the durations.
struct RequestMetrics: Sendable {
    /// The metrics of one route, made once.
    private struct Series: Sendable {
        /// By class of status, from 1xx to 5xx.
        let requests: [Counter]
        let duration: Timer

        init(method: String, path: String) {
            let labels = [("method", method), ("route", path)]
            self.requests = (1...5).map { statusClass in
                Counter(label: "rollcall_http_requests_total", dimensions: labels + [("status", "\(statusClass)xx")])
            }
            self.duration = Timer(label: "rollcall_http_request_duration_seconds", dimensions: labels)
        }

        func record(_ status: HTTPResponse.Status, _ duration: Duration) {
            let statusClass = min(max(status.code / 100, 1), 5)
            self.requests[statusClass - 1].increment()
            self.duration.record(duration: duration)
        }
    }

    private let routes: [String: Series]
    /// Requests for paths that do not exist, and with methods that a path does not have.
    private let unrouted = Series(method: "other", path: "none")

    init(_ table: RouteTable) {
        self.routes = Dictionary(
            uniqueKeysWithValues: table.routes.map {
                ($0.operationID, Series(method: $0.method.rawValue, path: $0.path.description))
            })
    }

    func record(_ route: Route?, status: HTTPResponse.Status, duration: Duration) {
        let series = route.flatMap { self.routes[$0.operationID] } ?? self.unrouted
        series.record(status, duration)
    }
}
