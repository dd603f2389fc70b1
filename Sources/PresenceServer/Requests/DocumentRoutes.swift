// Rollcall · PresenceServer

import Crypto
import Foundation
import HTTPTypes
import Hummingbird

/// The fixed documents: the demo pages, the contract, and the explanations of problems.
struct DocumentRoutes: Sendable {
    private let contractText: [UInt8]
    private let basePath: BasePath
    /// Each policy is made when its page is first requested.
    private static let pagePolicy = Self.policy(of: String(decoding: PackageResources.index_html, as: UTF8.self))
    private static let phoenixPolicy = Self.policy(of: String(decoding: PackageResources.phoenix_html, as: UTF8.self))

    init(basePath: BasePath) {
        self.basePath = basePath
        var text = String(decoding: PackageResources.openapi_yaml, as: UTF8.self)
        if basePath != .root { text.replace("\n  - url: /\n", with: "\n  - url: \(basePath.text)\n") }
        self.contractText = Array(text.utf8)
    }

    /// `GET /`.
    func page(_ request: Request, _ context: RollcallRequestContext) async throws -> Response {
        Self.page(PackageResources.index_html, Self.pagePolicy)
    }

    /// `GET /phoenix`.
    func phoenixPage(_ request: Request, _ context: RollcallRequestContext) async throws -> Response {
        Self.page(PackageResources.phoenix_html, Self.phoenixPolicy)
    }

    private static func page(_ text: [UInt8], _ policy: String) -> Response {
        var response = Response.bytes(text, type: "text/html; charset=utf-8")
        response.headers[.contentSecurityPolicy] = policy
        return response
    }

    /// The Content-Security-Policy of a page: only the styles and the scripts in its text are used, known by their
    /// hashes, and no other page shows it in a frame.
    private static func policy(of page: String) -> String {
        "default-src 'none'; base-uri 'none'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
            + "img-src data:; script-src \(Self.sources(of: "script", in: page)); "
            + "style-src \(Self.sources(of: "style", in: page))"
    }

    /// The hashes of the texts in all elements of this name, as sources of a policy (CSP 3 §2.3.1).
    private static func sources(of element: String, in page: String) -> String {
        var rest = page[...]
        var sources: [String] = []
        while let start = rest.firstRange(of: "<\(element)>"),
            let end = rest[start.upperBound...].firstRange(of: "</\(element)>")
        {
            let text = rest[start.upperBound..<end.lowerBound]
            sources.append("'sha256-\(Data(SHA256.hash(data: Array(text.utf8))).base64EncodedString())'")
            rest = rest[end.upperBound...]
        }
        return sources.isEmpty ? "'none'" : sources.joined(separator: " ")
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
