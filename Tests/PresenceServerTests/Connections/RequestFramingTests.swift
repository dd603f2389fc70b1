// Rollcall · PresenceServerTests

import HTTPTypes
import NIOHTTP1
import Testing

@testable import PresenceServer

@Suite("The head of a request")
struct RequestFramingTests {
    private static func framing(
        _ method: HTTPMethod = .GET, _ target: String = "/", minor: Int = 1,
        _ fields: [(String, String)] = [("Host", "h")]
    ) throws(Problem) -> RequestFraming {
        try RequestFraming(
            HTTPRequestHead(
                version: .init(major: 1, minor: minor), method: method, uri: target, headers: HTTPHeaders(fields)))
    }

    @Test(
        arguments: [
            (1, ["close"], true), (1, ["Close"], true), (1, ["TE, CLOSE"], true), (1, ["close,TE"], true),
            (1, ["TE", " \tclose "], true), (1, [", ,close"], true), (1, ["closed"], false), (1, ["keep-alive"], false),
            (1, [], false), (0, [], true), (0, ["keep-alive"], false), (0, ["Keep-Alive"], false), (0, ["TE"], true),
            (0, ["keep-alive, close"], true),
        ])
    func `all Connection fields are one list without regard to case, and HTTP 1.0 closes without keep-alive`(
        minor: Int, values: [String], closes: Bool
    ) throws {
        let fields = [("Host", "h")] + values.map { ("connection", $0) }
        #expect(try Self.framing(minor: minor, fields).closes == closes)
    }

    @Test(
        arguments: [
            ([], RequestFraming.Body.none), ([("Content-Length", "0")], .none),
            ([("content-length", "12")], .length(12)),
            ([("Transfer-Encoding", "chunked")], .chunked), ([("Transfer-Encoding", " Chunked ")], .chunked),
        ])
    func `a body has a length or chunks, or is absent`(fields: [(String, String)], body: RequestFraming.Body) throws {
        #expect(try Self.framing(.POST, "/", [("Host", "h")] + fields).body == body)
    }

    @Test(
        arguments: [
            ([("Transfer-Encoding", "gzip, chunked")], 501),
            ([("Transfer-Encoding", "gzip"), ("Transfer-Encoding", "chunked")], 501),
            ([("Transfer-Encoding", "")], 400), ([("Transfer-Encoding", ",")], 400),
            ([("Transfer-Encoding", "chunked,")], 400),
            ([("Transfer-Encoding", ""), ("Transfer-Encoding", "chunked")], 400),
            ([("Transfer-Encoding", "identity")], 501), ([("Transfer-Encoding", "chunked, chunked")], 400),
            ([("Transfer-Encoding", "chunked"), ("Content-Length", "3")], 400), ([("Content-Length", "x")], 400),
            ([("Expect", "100-continue, and more"), ("Content-Length", "3")], 417), ([("Expect", "tea")], 417),
            ([("Host", "b")], 400),
        ])
    func `an ambiguous head is refused`(fields: [(String, String)], status: Int) {
        let problem = #expect(throws: Problem.self) { try Self.framing(.POST, "/", [("Host", "h")] + fields) }
        #expect(problem?.kind.status.code == status)
    }

    @Test(
        arguments: [
            ([], false), ([""], false), ([" , "], false), (["100-continue"], true), (["100-Continue"], true),
            (["100-continue, 100-continue"], true), (["100-continue", "100-CONTINUE"], true),
            ([",100-continue ,"], true), (["", "\t100-continue"], true),
        ])
    func `Expect is a list, which may repeat 100-continue and have empty members`(values: [String], waits: Bool) throws
    {
        let fields = [("Host", "h"), ("Content-Length", "3")] + values.map { ("Expect", $0) }
        #expect(try Self.framing(.POST, "/", fields).expectsContinue == waits)
    }

    @Test(arguments: [
        ["tea"], ["100-continue, tea"], ["tea", "100-continue"], ["100-continue=1"], ["100-continue;q=1"],
    ])
    func `an expectation other than 100-continue is refused`(values: [String]) {
        let fields = [("Host", "h"), ("Content-Length", "3")] + values.map { ("Expect", $0) }
        let problem = #expect(throws: Problem.self) { try Self.framing(.POST, "/", fields) }
        #expect(problem?.kind == .expectationFailed)
    }

    @Test func `HTTP 1.0 has no transfer codings, no expectations, and needs no Host`() throws {
        #expect(throws: Problem.self) { try Self.framing(.POST, "/", minor: 0, [("Transfer-Encoding", "chunked")]) }
        let framing = try Self.framing(.POST, "/", minor: 0, [("Expect", "tea"), ("Content-Length", "3")])
        #expect(!framing.expectsContinue && framing.authority == nil && framing.body == .length(3))
    }

    @Test(
        arguments: [
            ("x", true), ("localhost:4000", true), ("a.example:", true), ("[::1]:80", true), ("127.0.0.1", true),
            ("", true), ("a_b", true), ("a:65535", true), ("a:65536", false), ("a:b", false), ("a b", false),
            ("a,b", false), ("me@a", false), ("a/b", false), ("[::1", false), ("[]", false), ("::1", false),
            ("ä", false), ("a:1:2", false), ("a:999999999999999999999", false),
        ])
    func `a Host is a name or an address, with an optional port`(host: String, isRight: Bool) throws {
        #expect(((try? Self.framing(fields: [("Host", host)])) != nil) == isRight)
    }

    private static func framing(fields: [(String, String)]) throws(Problem) -> RequestFraming {
        try framing(.GET, "/", minor: 1, fields)
    }

    @Test(
        arguments: [
            ("/a?b", "h", "/a?b"), ("//a", "h", "//a"), ("http://other:81/a?b", "other:81", "/a?b"),
            ("HTTPS://other", "other", "/"), ("http://other?b", "other", "/?b"),
        ])
    func `the authority of an absolute target wins over Host`(target: String, authority: String, path: String) throws {
        let framing = try Self.framing(.GET, target)
        #expect(framing.authority == authority && framing.path == path)
    }

    @Test(arguments: ["*", "a", "ftp://a/b", "http://", "http:///a", "http://a b/c", "http://me@a/b"])
    func `a target of GET is a path or an http URL`(target: String) {
        let problem = #expect(throws: Problem.self) { try Self.framing(.GET, target) }
        #expect(problem?.kind == .malformedRequest)
    }

    @Test func `the server as a whole is a target of OPTIONS alone`() throws {
        #expect(try Self.framing(.OPTIONS, "*").path == "*")
    }

    @Test func `an offer of another protocol has both of its fields`() throws {
        let host = ("Host", "h")
        #expect(
            try Self.framing(fields: [host, ("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c")])
                .offersUpgrade)
        #expect(try !Self.framing(fields: [host, ("Connection", "upgrade")]).offersUpgrade)
        #expect(try !Self.framing(fields: [host, ("Upgrade", "h2c")]).offersUpgrade)
    }
}
