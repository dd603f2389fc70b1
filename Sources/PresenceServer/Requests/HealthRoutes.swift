// Rollcall · PresenceServer

import Access
import Hummingbird

/// The routes for operators and load balancers.
struct HealthRoutes: Sendable {
    /// Checks everything that the node needs; runs at each request.
    let checks: @Sendable () async -> [HealthCheck]
    let metrics: PrometheusExporter
    /// Whether a caller gets the checks of `/readyz`, which name addresses and faults; every other gets the status.
    let showsChecks: @Sendable (Caller) -> Bool

    /// `GET /healthz`; the answer itself is the proof that the node runs.
    func live(_ request: Request, _ context: RollcallRequestContext) async throws -> Response {
        var json = JSONObjectWriter()
        json.string("status", "ok")
        return Response.json(json.finish()).notStored()
    }

    /// `GET /readyz`.
    func ready(_ request: Request, _ context: RollcallRequestContext) async throws -> Response {
        let checks = await self.checks()
        let faulty = checks.filter { $0.fault != nil }
        let isReady = !faulty.contains(where: \.isVital)
        var json = JSONObjectWriter()
        json.string("status", !isReady ? "not_ready" : faulty.isEmpty ? "ready" : "degraded")
        if showsChecks(context.caller) {
            json.array("checks", checks) { check, element in
                element.string("name", check.name)
                element.bool("ok", check.fault == nil)
                if let detail = check.fault ?? check.note { element.string("detail", detail) }
            }
        }
        var response = Response.json(json.finish(), status: isReady ? .ok : .serviceUnavailable)
        if !isReady { response.headers[.retryAfter] = "1" }
        return response.notStored()
    }

    /// `GET /metrics`.
    func metrics(_ request: Request, _ context: RollcallRequestContext) async throws -> Response {
        Response.bytes(self.metrics.text(), type: PrometheusExporter.contentType).notStored()
    }
}
