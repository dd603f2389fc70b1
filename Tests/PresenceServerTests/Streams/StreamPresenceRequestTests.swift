// Rollcall · PresenceServerTests

import HTTPTypes
import PresenceModel
import Testing

@testable import PresenceServer

@Suite("The presence in the query of a stream")
struct StreamPresenceRequestTests {
    @Test(
        arguments: [
            ("key=a&grace=61", "grace"), ("key=a&grace=-1", "grace"), ("key=a&grace=", "grace"),
            ("key=a&meta=[]", "meta"), ("key=a&meta={", "meta"), ("key=a&meta={%22phx_ref%22:1}", "meta"),
            ("key=a&meta={%22a%22:%22%5Cud83d%22}", "meta"), ("key=a&meta={%22a%22:1,%22a%22:2}", "meta"),
            ("key=", "key"), ("key=a&session=b+c", "session"), ("grace=5", "grace"), ("meta={}", "meta"),
        ])
    func `A wrong value is a 400 that names its parameter`(_ text: String, _ parameter: String) throws {
        let query = try QueryParameters(text)
        let problem = #expect(throws: Problem.self) { _ = try StreamPresenceRequest(query, limits: Limits()) }
        #expect(problem?.kind.status.code == 400)
        #expect(problem?.errors.first?.location == .parameter(parameter))
    }

    @Test func `A meta that is too long is a 413`() throws {
        let query = try QueryParameters("key=a&meta={%22a%22:%22\(String(repeating: "x", count: 5 << 10))%22}")
        let problem = #expect(throws: Problem.self) { _ = try StreamPresenceRequest(query, limits: Limits()) }
        #expect(problem?.kind == .metaTooLarge)
        #expect(problem?.errors.first?.location == .parameter("meta"))
    }
}
