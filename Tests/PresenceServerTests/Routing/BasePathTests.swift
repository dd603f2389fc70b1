// Rollcall · PresenceServerTests

import HTTPTypes
import TestSupport
import Testing

@testable import PresenceServer

@Suite("Base path")
struct BasePathTests {
    @Test(arguments: ["/presence", "/a/b", "/v1.api", "/-_~.x", "/v", "/" + String(repeating: "a", count: 127)])
    func `a base path begins with a slash and ends without one`(_ text: String) throws {
        #expect(try #require(BasePath(text)).text == text)
    }

    @Test(
        arguments: [
            "", "/", "presence", "/presence/", "//presence", "/a//b", "/a/..", "/.", "/a b", "/a%20b", "/a?b", "/ä",
            "/v1", "/v1/x", "/problems", "/healthz", "/readyz/x", "/metrics", "/openapi.yaml", "/socket",
            "/" + String(repeating: "a", count: 128),
        ])
    func `a text that is not a path, or is a path of the service, is refused as base path`(_ text: String) {
        #expect(BasePath(text) == nil)
    }

    @Test func `a node answers below its base path and at the root, and nowhere else`() async throws {
        try await withServer(options: options) { server in
            for path in ["/presence/healthz", "/healthz", "/presence/v1/topics/a", "/v1/topics/a", "/presence/"] {
                let status = try await server.send(.get, path).status
                #expect(status == 200, "\(path)")
            }
            for path in ["/presence/presence/healthz", "/presenc/healthz", "/presencehealthz", "/PRESENCE/healthz"] {
                let status = try await server.send(.get, path).status
                #expect(status == 404, "\(path)")
            }
        }
    }

    @Test func `every address in an answer begins with the base path, also if the request had none`() async throws {
        try await withServer(options: options) { server in
            for base in ["/presence", ""] {
                let topic = "/v1/topics/t" + (base.isEmpty ? "1" : "2")
                let list = "\(topic)/presences"
                for key in ["a", "b"] {
                    let tracked = try await server.send(.post, base + list, #"{"key":"\#(key)","session":"s"}"#)
                    #expect(tracked.header("Location") == "/presence\(list)/\(key)/s")
                }
                let page = try await server.send(.get, base + list + "?limit=1")
                #expect(page.header("Link") == "</presence\(list)?limit=1&after=a>; rel=\"next\"")
                #expect(try page.json["next"]?.string == "/presence\(list)?limit=1&after=a")
                let topics = try await server.send(.get, base + "/v1/topics?limit=1&prefix=t")
                #expect(topics.status == 200)
                let next = try topics.json["next"]?.string
                #expect(next == topics.header("Link")?.dropFirst().split(separator: ">").first.map { String($0) })
                #expect(next == (base.isEmpty ? "/presence/v1/topics?prefix=t&limit=1&after=t1" : nil))
                let missing = try await server.send(.get, base + list + "/absent")
                #expect(try missing.json["type"]?.string == "/presence/problems/presence-absent")
                let unknown = try await server.send(.get, base + "/nothing")
                #expect(try unknown.json["type"]?.string == "/presence/problems/unknown-route")
                #expect(try unknown.json["detail"]?.string?.hasSuffix("see /presence/openapi.yaml.") == true)
                let explained = try await server.send(.get, base + "/problems/unknown-route")
                #expect(explained.text.contains(" /presence/openapi.yaml lists them all."))
                let contract = try await server.send(.get, base + "/openapi.yaml")
                #expect(contract.text.contains("\nservers:\n  - url: /presence\n"))
            }
        }
    }

    @Test func `the base path without a slash redirects to the page below it, with its query`() async throws {
        try await withServer(options: options) { server in
            for query in ["?name=Alice", ""] {
                // An HTTP client would follow the redirect.
                let answer = try await server.sendRaw(
                    "GET /presence\(query) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                #expect(answer.hasPrefix("HTTP/1.1 308 "))
                #expect(answer.contains("\r\nLocation: /presence/\(query)\r\n"), "\(answer)")
            }
            #expect(try await server.send(.post, "/presence").status == 404)
        }
    }

    @Test func `without a base path an address has no prefix`() async throws {
        try await withServer { server in
            let tracked = try await server.send(.post, "/v1/topics/t/presences", #"{"key":"a","session":"s"}"#)
            #expect(tracked.header("Location") == "/v1/topics/t/presences/a/s")
            #expect(try await server.send(.get, "/openapi.yaml").text.contains("\nservers:\n  - url: /\n"))
            #expect(try await server.send(.get, "/presence").status == 404)
        }
    }

    private var options: ServerOptions {
        var options = ServerOptions()
        options.basePath = BasePath("/presence") ?? .root
        return options
    }
}
