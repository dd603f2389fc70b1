// Rollcall · PresenceServerTests

import HTTPTypes
import PresenceModel
import PresenceText
import Testing

@testable import PresenceServer

@Suite("Query parameters")
struct QueryParametersTests {
    @Test func `Parameters are decoded, in order, and may be repeated`() throws {
        let query = try QueryParameters("topic=a+b&topic=c%26d&view=keys&empty=&bare&&x=a=b")
        #expect(query.all("topic") == ["a b", "c&d"])
        #expect(try query.one("view") == "keys")
        #expect(try query.one("empty") == "")
        #expect(try query.one("bare") == "")
        #expect(try query.one("x") == "a=b")
        #expect(try query.one("none") == nil)
        #expect(query.has("bare") && !query.has("none"))
    }

    @Test func `A parameter that may be given once is refused by name if it is given twice`() throws {
        let query = try QueryParameters("view=full&view=keys")
        #expect(Self.places { _ = try query.one("view") } == ["view"])
    }

    @Test(
        arguments: ["0", "10001", "-1", "+5", "1.5", "abc", "", "99999999999999999999"])
    func `Numbers are whole, plain and within their range`(_ text: String) throws {
        let query = try QueryParameters("limit=\(text == "+5" ? "%2B5" : text)")
        #expect(Self.places { _ = try query.int("limit", in: 1...10_000) } == ["limit"])
    }

    @Test func `A choice is one of its names`() throws {
        #expect(try QueryParameters("view=count").choice("view", of: View.self) == .count)
        #expect(try QueryParameters("").choice("view", of: View.self) == nil)
        #expect(Self.places { _ = try QueryParameters("view=Full").choice("view", of: View.self) } == ["view"])
    }

    @Test func `Parameters that the route does not know are all named`() throws {
        let query = try QueryParameters("limt=5&view=full&aftr=x")
        #expect(Self.places { try query.requireOnly(["limit", "view", "after"]) } == ["limt", "aftr"])
    }

    @Test func `The error for a bad escape names its parameter`() {
        #expect(Self.places { _ = try QueryParameters("after=%zz") } == ["after"])
    }

    /// The parameters that a problem names.
    private static func places(_ body: () throws -> Void) -> [String] {
        do {
            try body()
            return []
        } catch {
            let problem = error as? Problem
            #expect(problem?.kind == .invalidQuery)
            return problem?.errors.map(\.member.value) ?? []
        }
    }
}
