// Rollcall · PresenceServer

import Hummingbird

/// The fixed documents: the demo page, the contract, and the explanations of problems.
struct DocumentRoutes: Sendable {
    private let contractText: [UInt8]
    private let basePath: BasePath

    init(basePath: BasePath) {
        self.basePath = basePath
        var text = String(decoding: PackageResources.openapi_yaml, as: UTF8.self)
        if basePath != .root { text.replace("\n  - url: /\n", with: "\n  - url: \(basePath.text)\n") }
        self.contractText = Array(text.utf8)
    }

    /// `GET /`.
    func page(_ request: Request, _ context: RollcallRequestContext) async throws -> Response {
        .bytes(PackageResources.index_html, type: "text/html; charset=utf-8")
    }

    /// `GET /openapi.yaml`.
    func contract(_ request: Request, _ context: RollcallRequestContext) async throws -> Response {
        .bytes(self.contractText, type: "application/yaml")
    }

    /// `GET /problems/{kind}`, the address in a problem's `type`.
    func problem(_ request: Request, _ context: RollcallRequestContext) async throws -> Response {
        let slug = try context.parameters.text("kind")
        guard let kind = ProblemKind(rawValue: slug) else {
            throw Problem(.unknownRoute, "No problem is called \(quoted(slug)).")
        }
        let explanation = kind.explanation.replacing("/openapi.yaml", with: self.basePath.text + "/openapi.yaml")
        let text = "\(kind.title) (\(kind.status.code))\n\n\(explanation)\n"
        return .bytes(Array(text.utf8), type: "text/plain; charset=utf-8")
    }
}
