// Rollcall · PresenceServerTests

import Foundation
import HTTPTypes
import TestSupport
import Testing
import Yams

@testable import PresenceServer

/// Compares `openapi.yaml` with the routes, both ways.
@Suite("The contract")
struct ContractTests {
    /// An operation of the contract, with the parameters of its path.
    private struct Operation {
        let node: Node
        let parameters: [Node]
        var id: String? { self.node["operationId"]?.string }
    }

    private let document: Node
    private let routes: [Route]

    init() throws {
        self.routes =
            RouteTable.rollcall(
                try .unused, revocations: try .unused, streams: .unused, sockets: .unused, options: ServerOptions(),
                checks: { [] }, metrics: PrometheusExporter()
            ).routes
        self.document = try #require(
            try Yams.compose(yaml: String(decoding: PackageResources.openapi_yaml, as: UTF8.self)))
    }

    private var operations: [String: Operation] {
        var operations: [String: Operation] = [:]
        for (path, item) in self.document["paths"]?.mapping ?? [:] {
            let shared = Array(item["parameters"]?.sequence ?? [])
            for (method, node) in item.mapping ?? [:] where method.string != "parameters" {
                let parameters = shared + Array(node["parameters"]?.sequence ?? [])
                operations["\(method.string?.uppercased() ?? "") \(path.string ?? "")"] = Operation(
                    node: node, parameters: parameters.map(self.resolved))
            }
        }
        return operations
    }

    /// The node itself, or the target of its `$ref`.
    private func resolved(_ node: Node) -> Node {
        guard let reference = node["$ref"]?.string else { return node }
        return reference.split(separator: "/").dropFirst().reduce(self.document) { node, name in
            node[String(name)] ?? Node("missing")
        }
    }

    @Test func `Every route is in the contract, and every operation of the contract has a route`() {
        let routed = Dictionary(
            uniqueKeysWithValues: self.routes.map { ("\($0.method.rawValue) \($0.path)", $0.operationID) })
        #expect(self.operations.mapValues(\.id) == routed.mapValues { Optional($0) })
    }

    @Test func `Every operation id is unique`() {
        #expect(Set(self.routes.map(\.operationID)).count == self.routes.count)
    }

    @Test func `Each operation documents the query parameters that its route takes, and the parameters of its path`()
        throws
    {
        for route in self.routes {
            let operation = try #require(self.operations["\(route.method.rawValue) \(route.path)"])
            func names(in place: String) -> Set<String> {
                Set(operation.parameters.filter { $0["in"]?.string == place }.compactMap { $0["name"]?.string })
            }
            #expect(names(in: "query") == route.query ?? [], "\(route.operationID)")
            let path = route.path.segments.compactMap { if case .parameter(let name) = $0 { name } else { nil } }
            #expect(names(in: "path") == Set(path), "\(route.operationID)")
        }
    }

    @Test func `Each write documents the conditions that its route honours`() throws {
        for route in self.routes where route.method != .get {
            let operation = try #require(self.operations["\(route.method.rawValue) \(route.path)"])
            let fields = operation.parameters.filter { $0["in"]?.string == "header" }.compactMap { $0["name"]?.string }
            #expect(Set(fields) == Set(route.conditions.map(\.rawName)), "\(route.operationID)")
        }
    }

    @Test func `Each operation documents problems, and an example wherever it has a body`() {
        for (name, operation) in self.operations {
            let answers = operation.node["responses"]?.mapping ?? [:]
            #expect(answers["default"] != nil, "\(name)")
            let bodies = [operation.node["requestBody"]].compactMap(\.self) + answers.map { self.resolved($0.value) }
            for (type, content) in bodies.flatMap({ Array($0["content"]?.mapping ?? [:]) }) {
                #expect(content["example"] != nil || content["examples"] != nil, "\(name) \(type.string ?? "")")
                #expect(content["schema"] != nil, "\(name)")
            }
        }
    }

    @Test func `Each operation documents a problem of the client, and the request id of each answer`() {
        for (name, operation) in self.operations {
            let answers = operation.node["responses"]?.mapping ?? [:]
            #expect(answers.contains { $0.key.string?.hasPrefix("4") == true }, "\(name)")
            for (status, answer) in answers {
                let headers = self.resolved(answer)["headers"]
                #expect(headers?["X-Request-Id"] != nil, "\(name) \(status.string ?? "")")
            }
        }
    }

    @Test func `Each operation of a route with a need documents its credential, 401, 403 and 429`() throws {
        for route in self.routes {
            let operation = try #require(self.operations["\(route.method.rawValue) \(route.path)"]).node
            let security = operation["security"]?.sequence
            #expect((security?.isEmpty == true) == (route.needs == .nothing), "\(route.operationID)")
            // An empty object stands for no credential.
            let isOptional = security?.contains { $0.mapping?.isEmpty == true } == true
            #expect(isOptional == (route.needs == .optional), "\(route.operationID)")
            for status in ["401", "403", "429"] {
                let isDocumented = operation["responses"]?.mapping?.contains { $0.key.string == status } == true
                // A socket reads its credential by itself, and answers 403 where other routes answer 401.
                let isOfSocket = status == "403" && route.openSocket != nil
                #expect(isDocumented == (route.needs.isChecked || isOfSocket), "\(route.operationID) \(status)")
            }
        }
    }

    @Test func `Each answer of an operation that counts against rates documents their fields`() throws {
        for route in self.routes where route.needs.isChecked {
            let operation = try #require(self.operations["\(route.method.rawValue) \(route.path)"]).node
            for (status, answer) in operation["responses"]?.mapping ?? [:] {
                let headers = self.resolved(answer)["headers"]
                let isComplete = headers?["RateLimit"] != nil && headers?["RateLimit-Policy"] != nil
                #expect(isComplete, "\(route.operationID) \(status.string ?? "")")
            }
        }
    }

    @Test func `Every reference in the contract has a target`() {
        func visit(_ node: Node) {
            if let reference = node["$ref"]?.string { #expect(self.resolved(node).string != "missing", "\(reference)") }
            for (_, child) in node.mapping ?? [:] { visit(child) }
            for child in node.sequence ?? [] { visit(child) }
        }
        visit(self.document)
    }

    @Test func `The contract lists all kinds of problems`() {
        let listed = self.document["components"]?["schemas"]?["ProblemKind"]?["enum"]?.sequence?.compactMap(\.string)
        #expect(listed == ProblemKind.allCases.map(\.rawValue))
    }

    @Test func `The contract, the problem and the page state in the same words what may be repeated`() throws {
        let statement =
            "PUT and PATCH without a condition, DELETE and heartbeat may be repeated. After a lost answer to POST, PUT "
            + "to the session that you chose. A batch may be repeated if each track names its session and no operation has a "
            + "condition"
        let contract = try #require(self.document["info"]?["description"]?.string)
        let page = try String(contentsOfFile: repository + "/docs/troubleshooting.md", encoding: .utf8)
        for text in [contract, ProblemKind.unavailable.explanation, page] {
            let words = text.replacing("`", with: "").split(whereSeparator: \.isWhitespace).joined(separator: " ")
            #expect(words.contains(statement))
        }
    }

    @Test func `No two routes match the same path with the same method`() {
        for (index, route) in self.routes.enumerated() {
            for other in self.routes[..<index] where other.method == route.method {
                let segments = zip(route.path.segments, other.path.segments)
                let isApart = segments.contains { pair in
                    if case (.literal(let one), .literal(let two)) = pair { one != two } else { false }
                }
                #expect(isApart || route.path.segments.count != other.path.segments.count)
            }
        }
    }
}
