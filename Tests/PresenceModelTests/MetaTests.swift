// Rollcall · PresenceModelTests

import Basics
import JSONText
import PresenceSamples
import Testing

@testable import PresenceModel

@Suite("Metas")
struct MetaTests {
    @Test func `A meta keeps its text, except for white space`() throws {
        let source = #"{ "n": 1e400, "z": -0, "f": 1.0, "b": [], "a": "\u00e9\/", "o": { } }"#
        #expect(try text(meta(source).json) == #"{"n":1e400,"z":-0,"f":1.0,"b":[],"a":"\u00e9\/","o":{}}"#)
        #expect(try meta("{ }") == .empty)
        #expect(try meta(#"{"a":1}"#) == meta(#"{ "a" : 1 }"#))
        #expect(try meta(#"{"a":1}"#) != meta(#"{"a":1.0}"#))
    }

    @Test(
        arguments: [("[]", "an array"), ("null", "null"), ("3", "a number"), (#""{}""#, "a string")])
    func `Only an object is a meta`(source: String, kind: String) {
        let fault = InputError(.invalid, at: .pointer("#/meta"), "A meta is a JSON object, not \(kind).")
        #expect(throws: fault) { try meta(source) }
    }

    @Test(
        arguments: [
            (#"{"phx_ref":"x"}"#, "phx_ref"), (#"{"a":1,"phx_ref_prev":null}"#, "phx_ref_prev"),
            (#"{"\u0070hx_ref":1}"#, "phx_ref"), (#"{"phx\u005fref\u005Fprev":1}"#, "phx_ref_prev"),
        ])
    func `Members that the service sets are refused, with or without escapes`(source: String, name: String) throws {
        let detail = "The member \(name) is set by the service; leave it out."
        #expect(throws: InputError(.invalid, at: .pointer("#/meta/\(name)"), detail)) { try meta(source) }
        #expect(throws: InputError(.invalid, at: .pointer("#/\(name)"), detail)) {
            try Meta.empty.patched(by: JSON(parsing: source), limit: 4096)
        }
        #expect(throws: InputError(.invalid, at: .pointer("#/operations/0/patch/\(name)"), detail)) {
            try Meta.empty.patched(by: JSON(parsing: source), limit: 4096, at: .pointer("#/operations/0/patch"))
        }
    }

    @Test(arguments: [#"{"a":{"phx_ref":1}}"#, #"{"PHX_REF":1}"#, #"{"phx_ref_":1}"#])
    func `Names of the service are refused only at the top level, and only when they match exactly`(source: String)
        throws
    {
        #expect(try text(meta(source).json) == source)
    }

    @Test func `The limit counts bytes of compact text, to the byte`() throws {
        let fitting = #"{"a":"\#(String(repeating: "ü", count: 2044))"}"#
        #expect(fitting.utf8.count == 4096)
        #expect(try meta(fitting.replacing(":", with: " : ")).json.count == 4096)
        let detail = "A meta has at most 4096 bytes of JSON without white space; this one has 4097."
        #expect(throws: InputError(.tooLarge, at: .pointer("#/meta"), detail)) {
            try meta(fitting.replacing("a", with: "ab"))
        }
    }

    @Test func `A patch keeps the text of members that it does not touch`() throws {
        let patched = try meta(#"{"n":1e400,"s":"\/","away":true}"#)
            .patched(by: JSON(parsing: #"{ "away": null, "new": [ ] }"#), limit: 4096)
        #expect(text(patched.json) == #"{"n":1e400,"s":"\/","new":[]}"#)
        #expect(try patched.patched(by: JSON(parsing: "{}"), limit: 4096) == patched)
    }

    @Test func `A patch is an object, and its result fits the limit`() throws {
        let meta = try meta(#"{"a":"12345"}"#)
        #expect(throws: InputError(.invalid, at: .pointer("#"), "A patch of a meta is a JSON object, not null.")) {
            try meta.patched(by: .null, limit: 4096)
        }
        let detail = "A meta has at most 21 bytes of JSON without white space; this one has 22."
        #expect(throws: InputError(.tooLarge, at: .pointer("#"), detail)) {
            try meta.patched(by: JSON(parsing: #"{"b":"12"}"#), limit: 21)
        }
        #expect(throws: Never.self) { try meta.patched(by: JSON(parsing: #"{"b":"1"}"#), limit: 21) }
    }

    @Test func `A stored meta that cannot be read is corrupt, not a fault of the caller`() {
        let fault = #expect(throws: InputError.self) {
            try Meta(stored: Array("{nonsense}".utf8)).patched(by: .emptyObject, limit: 4096)
        }
        #expect(fault?.code == .corrupt)
    }

    private func meta(_ source: String) throws -> Meta {
        try Meta(JSON(parsing: source), limit: 4096)
    }
}
