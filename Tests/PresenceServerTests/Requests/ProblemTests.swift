// Rollcall · PresenceServerTests

import Basics
import HTTPTypes
import JSONText
import PresenceModel
import TestSupport
import Testing

@testable import PresenceServer

@Suite("Problems")
struct ProblemTests {
    @Test func `A problem is RFC 9457 JSON with every wrong field`() throws {
        let problem = Problem(
            .invalidBody, "Two are \"wrong\".",
            errors: [
                FieldError(.pointer("#/ttl"), "a"), FieldError(.parameter("topic"), "b"),
                FieldError(.header("If-Match"), "c"),
            ])
        let json = try JSONValue(parsing: problem.json(instance: "id-1"))
        #expect(
            json == [
                "type": "/problems/invalid-fields", "title": "The request has fields that are wrong", "status": 422,
                "detail": "Two are \"wrong\".", "instance": "urn:rollcall:request:id-1",
                "errors": [
                    ["pointer": "#/ttl", "detail": "a"], ["parameter": "topic", "detail": "b"],
                    ["header": "If-Match", "detail": "c"],
                ],
            ])
    }

    @Test(arguments: ProblemKind.allCases)
    func `Every kind has a status of an error, a title and an explanation`(_ kind: ProblemKind) {
        #expect((400...599).contains(kind.status.code))
        #expect(!kind.title.isEmpty && !kind.title.hasSuffix("."))
        #expect(kind.explanation.hasSuffix("."))
    }

    @Test func `Errors of the domain become 400, 413, 422 and 500`() {
        let codes: [(InputError.Code, Int)] = [
            (.malformed, 400), (.tooLarge, 413), (.invalid, 422), (.corrupt, 500),
        ]
        for (code, status) in codes {
            #expect(Problem(InputError(code, at: .pointer("#/meta"), "x")).kind.status.code == status)
        }
        #expect(Problem(InputError(.invalid, at: .parameter("grace"), "x")).kind == .invalidQuery)
    }

    @Test func `A text from a client is quoted with at most 40 characters and without control characters`() {
        #expect(quoted("abc") == "“abc”")
        #expect(quoted("a\u{1B}[31m\nb") == "“a\u{FFFD}[31m\u{FFFD}b”")
        #expect(quoted(String(repeating: "x", count: 100)) == "“" + String(repeating: "x", count: 40) + "…”")
    }
}
