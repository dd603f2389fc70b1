// Rollcall · PresenceServerTests

import Access
import JSONText
import PresenceModel
import Testing

@testable import PresenceServer

@Suite("Field reader")
struct FieldReaderTests {
    private let limits = Limits()

    /// Reads a track body, and returns the problem if there is one.
    private func problem(of text: String) throws -> Problem? {
        do {
            var fields = try FieldReader(try JSON(parsing: text), allowing: ["key", "meta", "session", "ttl"])
            _ = try fields.key(of: .open, on: Topic("a"))
            _ = (fields.session(isRequired: false), fields.meta(self.limits), fields.ttl(self.limits))
            try fields.check()
            return nil
        } catch let problem as Problem {
            return problem
        }
    }

    @Test(
        arguments: [
            #"{"key":"a"}"#, #"{"key":"a","session":null,"meta":null,"ttl":null}"#,
            #"{"key":"__proto__","session":"s","ttl":5,"meta":{}}"#, #"{"key":"ü","ttl":300.0}"#,
        ])
    func `A correct body has no fault`(_ text: String) throws {
        #expect(try self.problem(of: text) == nil)
    }

    @Test func `One problem lists every fault with its place`() throws {
        let problem = try #require(try self.problem(of: #"{"session":"a b","ttl":0,"meta":[],"metas":{},"a/b~":1}"#))
        #expect(problem.kind == .invalidBody)
        #expect(
            Set(problem.errors.map(\.member.value)) == ["#/key", "#/session", "#/ttl", "#/meta", "#/metas", "#/a~1b~0"])
    }

    @Test(
        arguments: [
            (#"{"key":""}"#, ProblemKind.invalidName, "#/key"),
            (#"{"key":"a\u0007"}"#, .invalidName, "#/key"),
            (#"{"key":"a","session":""}"#, .invalidName, "#/session"),
            (#"{"key":7}"#, .invalidBody, "#/key"),
            (#"{}"#, .invalidBody, "#/key"),
            (#"{"key":"a","ttl":1000000000}"#, .invalidBody, "#/ttl"),
            (#"{"key":"a","ttl":"30"}"#, .invalidBody, "#/ttl"),
            (#"{"key":null}"#, .invalidBody, "#/key"),
            (#"{"key":"a","meta":{"phx_ref":"x"}}"#, .invalidBody, "#/meta/phx_ref"),
            (#"[]"#, .invalidBody, "#"),
        ])
    func `Faults of one kind decide the kind of the problem`(_ text: String, _ kind: ProblemKind, _ place: String)
        throws
    {
        let problem = try #require(try self.problem(of: text))
        #expect(problem.kind == kind)
        #expect(problem.errors.map(\.member.value) == [place])
    }
}
