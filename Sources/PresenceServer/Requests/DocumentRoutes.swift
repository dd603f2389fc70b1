// Rollcall · PresenceServer

import Crypto
import Foundation
import HTTPTypes
import Hummingbird

/// The fixed documents: the demo page, the contract, and the explanations of problems.
struct DocumentRoutes: Sendable {
    private let contractText: [UInt8]
    private let basePath: BasePath
    /// Made at the first request for the page.
    private static let pagePolicy = Self.policy(of: String(decoding: PackageResources.index_html, as: UTF8.self))

    init(basePath: BasePath) {
        self.basePath = basePath
        var text = String(decoding: PackageResources.openapi_yaml, as: UTF8.self)
        if basePath != .root { text.replace("\n  - url: /\n", with: "\n  - url: \(basePath.text)\n") }
        self.contractText = Array(text.utf8)
    }

    /// `GET /`.
    func page(_ request: Request, _ context: RollcallRequestContext) async throws -> Response {
        var response = Response.bytes(PackageResources.index_html, type: "text/html; charset=utf-8")
        response.headers[.contentSecurityPolicy] = Self.pagePolicy
        return response
    }

    /// The Content-Security-Policy of the page: only the style and the script in its text are used, known by their
    /// hashes, and no other page shows it in a frame.
    private static func policy(of page: String) -> String {
        "default-src 'none'; base-uri 'none'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
            + "img-src data:; script-src \(Self.source(of: "script", in: page)); "
            + "style-src \(Self.source(of: "style", in: page))"
    }

    /// The hash of the text in an element of the page, as a source of a policy (CSP 3 §2.3.1).
    private static func source(of element: String, in page: String) -> String {
        guard let start = page.firstRange(of: "<\(element)>"),
            let end = page[start.upperBound...].firstRange(of: "</\(element)>")
        else { return "'none'" }
        let text = page[start.upperBound..<end.lowerBound]
        return "'sha256-\(Data(SHA256.hash(data: Array(text.utf8))).base64EncodedString())'"
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
