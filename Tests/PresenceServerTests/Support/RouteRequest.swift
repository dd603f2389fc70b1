// Rollcall · PresenceServerTests

import HTTPTypes

@testable import PresenceServer

/// A request to a route about the presence of alice on room:1, made from the table of routes.
///
/// Its head is right. Its body is an empty object, which most routes refuse.
struct RouteRequest: Sendable {
    let method: HTTPRequest.Method
    let path: String
    let body: String?
    let type: String?

    /// - Parameters:
    ///   - topic: The topic as the path has it, percent-encoded.
    ///   - query: Further parameters of the query.
    init(
        _ route: Route, method: HTTPRequest.Method? = nil, topic: String = "room:1", key: String = "alice",
        query: String? = nil
    ) {
        let segments = route.path.segments.map { segment -> String in
            switch segment {
            case .literal(let text): text
            case .parameter("topic"): topic
            case .parameter("key"): key
            case .parameter("session"): "s"
            case .parameter("id"): "AAAAAAAAAAAAAAAA"
            case .parameter("kind"): "forbidden"
            case .parameter(let name): name
            }
        }
        var parameters = query.map { [$0] } ?? []
        if route.query?.contains("prefix") == true { parameters.append("prefix=room:") }
        if route.query?.contains("topic") == true { parameters.append("topic=room:1") }
        self.method = method ?? route.method
        path =
            "/" + segments.joined(separator: "/") + (parameters.isEmpty ? "" : "?")
            + parameters.joined(separator: "&")
        body = route.body == nil ? nil : "{}"
        type = route.body.map { $0.type ?? "application/json" }
    }

    /// A request for each of these routes, and one by HEAD for each that answers GET.
    static func all(_ routes: some Sequence<Route>) -> [RouteRequest] {
        routes.flatMap { route -> [RouteRequest] in
            let methods: [HTTPRequest.Method] = route.method == .get ? [.get, .head] : [route.method]
            return methods.map { RouteRequest(route, method: $0) }
        }
    }

    /// The method and the path, for failures.
    var name: String { "\(method) \(path)" }
}

extension TestServer {
    /// Sends a request, with another type of its body if `type` is given.
    func send(
        _ request: RouteRequest, type: String?? = nil, headers: [(String, String)] = []
    ) async throws -> Answer {
        try await send(request.method, request.path, request.body, type: type ?? request.type, headers: headers)
    }
}
