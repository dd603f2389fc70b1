// Rollcall · PresenceServerTests

import Basics
import HTTPTypes
import Hummingbird
import PresenceModel
import Testing

@testable import PresenceServer

@Suite("Route table")
struct RouteTableTests {
    private let table = RouteTable(
        [
            (.get, "/"), (.get, "/v1/topics/{topic}"), (.get, "/v1/topics/{topic}/presences"),
            (.post, "/v1/topics/{topic}/presences"), (.delete, "/v1/topics/{topic}/presences/{key}"),
        ].map { (method: HTTPRequest.Method, path: String) in
            Route(method, path, "\(method) \(path)", needs: .nothing) { _, _ in Response(status: .ok) }
        })

    @Test func `A path finds its template and its parameters`() throws {
        let (resource, parameters) = try #require(self.table.resource(at: "/v1/topics/a%2Fb/presences/x"))
        #expect(resource.path.description == "/v1/topics/{topic}/presences/{key}")
        #expect(try parameters.topic().text == "a/b")
        #expect(try parameters.key().text == "x")
        #expect(self.table.resource(at: "/")?.0.path.description == "/")
    }

    @Test(
        arguments: ["", "v1/topics/a", "/v1/topic/a", "/v1", "/v1/topics/a/b/c/d", "//"])
    func `A path that is almost right has no route`(_ path: String) {
        #expect(self.table.resource(at: path) == nil)
    }

    @Test(
        arguments: ["/v1/topics//presences", "/v1/topics/"])
    func `An empty segment is an empty name, which is refused with the name of its parameter`(_ path: String) throws {
        let (_, parameters) = try #require(self.table.resource(at: path))
        let problem = #expect(throws: Problem.self) { try parameters.topic() }
        #expect(problem?.kind == .invalidName)
        #expect(problem?.errors.first?.location == .parameter("topic"))
    }

    @Test func `A resource lists its methods, with HEAD beside GET and always OPTIONS`() throws {
        let (resource, _) = try #require(self.table.resource(at: "/v1/topics/a/presences"))
        #expect(resource.methods == [.get, .post, .head, .options])
        #expect(resource.route(for: .head)?.method == .get)
        #expect(resource.route(for: .delete) == nil)
    }
}
