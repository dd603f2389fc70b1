// Rollcall · PresenceServerTests

import HTTPTypes
import Testing

@testable import PresenceServer

@Suite("Origins and names")
struct ServedOriginsTests {
    private static let listed = ["https://app.example", "http://other.example:8080"].compactMap {
        ServedOrigins.Origin($0)
    }

    @Test(
        arguments: [
            ("https://app.example", true), ("http://a:80", true), ("capacitor://localhost", true),
            ("https://[::1]:4", true),
            ("app.example", false), ("https://", false), ("https://a/", false), ("null", false), ("", false),
            ("*", false),
            ("://a", false), ("https://a:b", false),
        ])
    func `an origin is a scheme, a host and an optional port`(text: String, isRight: Bool) {
        #expect((ServedOrigins.Origin(text) != nil) == isRight)
    }

    @Test(
        arguments: [
            ("localhost", true), ("LOCALHOST:4000", true), ("x.localhost", true), ("localhost.", true), ("x", true),
            ("127.0.0.1:4000", true), ("[::1]:4000", true), ("10.1.2.3", true), ("app.example", true),
            ("app.example:443", true), ("other.example:8080", true), ("App.Example", true), ("", true),
            ("other.example", false), ("app.example:81", false), ("rebound.example", false), ("1.2.3.4.example", false),
            ("localhost.example", false), ("notlocalhost.", true), ("a.b.", false),
        ])
    func `a node on loopback answers to local names and to listed origins`(host: String, isServed: Bool) {
        for address in ["127.0.0.1", "localhost", "::1", "127.0.0.2"] {
            let origins = ServedOrigins(Self.listed, listeningOn: address)
            #expect(((try? origins.check(name: host)) != nil) == isServed, "\(address)")
        }
        #expect(throws: Never.self) { try ServedOrigins(listeningOn: "0.0.0.0").check(name: host) }
    }

    /// Fields of a request, and whether a write with them is accepted.
    struct Case: Sendable {
        let method: HTTPRequest.Method
        let fields: HTTPFields
        let isDone: Bool
    }

    private static let json: HTTPFields = [.contentType: "application/json"]
    private static let text: HTTPFields = [.contentType: "text/plain;charset=UTF-8"]
    private static let foreign: HTTPFields = [.origin: "https://evil.example"]
    private static let cases: [Case] = [
        Case(method: .post, fields: [:], isDone: true),
        Case(method: .post, fields: foreign, isDone: false),
        Case(method: .post, fields: [.origin: "null"], isDone: false),
        Case(method: .post, fields: foreign + text, isDone: false),
        Case(method: .post, fields: foreign + [.contentType: "Application/X-WWW-Form-Urlencoded"], isDone: false),
        Case(method: .post, fields: foreign + [.contentType: "multipart/form-data; boundary=x"], isDone: false),
        Case(method: .post, fields: foreign + [.contentType: ""], isDone: false),
        Case(method: .post, fields: foreign + json, isDone: true),
        Case(method: .put, fields: foreign, isDone: true),
        Case(method: .post, fields: [.secFetchSite: "cross-site"], isDone: false),
        Case(method: .post, fields: [.secFetchSite: "same-site"] + text, isDone: false),
        Case(method: .post, fields: [.secFetchSite: "same-origin", .origin: "https://proxy.example"], isDone: true),
        Case(method: .post, fields: [.secFetchSite: "none"], isDone: true),
        Case(method: .post, fields: [.origin: "http://node:4000"], isDone: true),
        Case(method: .post, fields: [.origin: "https://node:4000"], isDone: true),
        Case(method: .post, fields: [.origin: "http://node:4001"], isDone: false),
        Case(
            method: .post, fields: [.origin: "https://app.example", .secFetchSite: "cross-site"] + text, isDone: true),
        Case(method: .post, fields: [.origin: "http://app.example"] + text, isDone: false),
    ]

    @Test(arguments: cases)
    func `a write that a browser sends for a foreign page without a preflight is refused`(_ example: Case) {
        let request = HTTPRequest(
            method: example.method, scheme: "http", authority: "node:4000", path: "/", headerFields: example.fields)
        let origins = ServedOrigins(Self.listed)
        #expect(((try? origins.check(write: request, isStream: false)) != nil) == example.isDone)
    }

    @Test func `a stream that is a presence is checked as a write without a preflight`() {
        func check(_ fields: HTTPFields) -> Bool {
            let request = HTTPRequest(
                method: .get, scheme: "http", authority: "node:4000", path: "/", headerFields: fields)
            return (try? ServedOrigins(Self.listed).check(write: request, isStream: true)) != nil
        }
        #expect(check([:]) && check([.secFetchSite: "same-origin"]) && check([.origin: "https://app.example"]))
        #expect(!check([.secFetchSite: "cross-site"]) && !check([.secFetchSite: "same-site"]) && !check(Self.foreign))
        #expect(check([.secFetchSite: "cross-site", .origin: "https://app.example"]))
    }
}

private func + (one: HTTPFields, other: HTTPFields) -> HTTPFields {
    var fields = one
    for field in other { fields.append(field) }
    return fields
}
