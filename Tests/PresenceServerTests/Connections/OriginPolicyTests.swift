// Rollcall · PresenceServerTests

import Access
import HTTPTypes
import Testing

@testable import PresenceServer

@Suite("Origins and names")
struct OriginPolicyTests {
    private static let listed = ["https://app.example", "http://other.example:8080"].compactMap {
        OriginPolicy.Origin($0)
    }

    @Test(
        arguments: [
            ("https://app.example", true), ("http://a:80", true), ("capacitor://localhost", true),
            ("https://[::1]:4", true),
            ("app.example", false), ("https://", false), ("https://a/", false), ("null", false), ("", false),
            ("*", false),
            ("://a", false), ("https://a:b", false), ("https://a, https://b", false),
        ])
    func `an origin is a scheme, a host and an optional port`(text: String, isRight: Bool) {
        #expect((OriginPolicy.Origin(text) != nil) == isRight)
    }

    // MARK: Names

    /// A value of `Host`, and whether a node on loopback answers to it, with keys and open.
    private static let names: [(String, Bool, Bool)] = [
        ("localhost", true, true), ("LOCALHOST:4000", true, true), ("localhost.", true, true),
        ("127.0.0.1:4000", true, true), ("127.0.0.2", true, true), ("[::1]:4000", true, true), ("", true, true),
        ("app.example", true, true), ("app.example:443", true, true), ("App.Example", true, true),
        ("other.example:8080", true, true),
        ("x", true, true), ("x:4000", true, true), ("notlocalhost.", true, true), ("x.localhost", true, false),
        ("10.1.2.3", true, false), ("[2001:db8::1]", true, false),
        ("other.example", false, false), ("app.example:81", false, false), ("rebound.example", false, false),
        ("1.2.3.4.example", false, false), ("127.0.0.1.example", false, false), ("localhost.example", false, false),
        ("a.b.", false, false),
    ]

    @Test(arguments: names)
    func `a node on loopback answers to local names and to listed origins, an open one to fewer addresses`(
        host: String, isServed: Bool, isServedByOpen: Bool
    ) {
        func answers(_ policy: OriginPolicy) -> Bool { (try? policy.check(name: host)) != nil }
        for address in ["127.0.0.1", "localhost", "::1", "127.0.0.2"] {
            #expect(answers(OriginPolicy(Self.listed, listeningOn: address)) == isServed, "\(address)")
            let open = OriginPolicy(Self.listed, listeningOn: address, isOpen: true)
            #expect(answers(open) == isServedByOpen, "\(address)")
        }
        for isOpen in [true, false] { #expect(answers(OriginPolicy(listeningOn: "0.0.0.0", isOpen: isOpen))) }
    }

    // MARK: Pages

    /// Fields of a request, and the page that they show.
    struct Case: Sendable {
        var origin: String?
        var site: String?
        var host = "node.example:4000"
        let page: OriginPolicy.Page
    }

    private static let cases = [
        Case(page: .none), Case(site: "none", page: .none), Case(site: "same-origin", page: .none),
        Case(site: "cross-site", page: .foreign), Case(site: "same-site", page: .foreign),

        Case(origin: "https://app.example", page: .listed), Case(origin: "https://app.example:443", page: .listed),
        Case(origin: "https://app.example", site: "cross-site", page: .listed),
        Case(origin: "http://other.example:8080", site: "same-site", page: .listed),
        Case(origin: "http://app.example", page: .foreign), Case(origin: "https://app.example:81", page: .foreign),
        Case(origin: "https://www.app.example", page: .foreign),

        Case(origin: "http://node.example:4000", page: .own), Case(origin: "https://node.example:4000", page: .own),
        Case(origin: "http://node.example:4000", site: "same-origin", page: .own),
        Case(origin: "https://node.example", host: "node.example", page: .own),
        Case(origin: "http://node.example", host: "node.example:80", page: .own),
        Case(origin: "http://node.example:8080", host: "node.example", page: .foreign),
        Case(origin: "http://node.example:4001", page: .foreign), Case(origin: "http://node.example", page: .foreign),
        Case(origin: "capacitor://node.example", host: "node.example", page: .foreign),
        Case(origin: "http://node.example:4000", site: "cross-site", page: .foreign),
        Case(origin: "http://node.example:4000", site: "same-site", page: .foreign),

        Case(origin: "null", page: .foreign), Case(origin: "null", site: "same-origin", page: .foreign),
        Case(origin: "", page: .foreign), Case(origin: "https://evil.example", page: .foreign),
        Case(origin: "https://evil.example", site: "same-origin", page: .foreign),
        Case(origin: "https://evil.example", site: "none", page: .foreign),
        Case(origin: "chrome-extension://abcdefgh", site: "none", page: .foreign),
    ]

    private func page(_ example: Case, by policy: OriginPolicy) -> OriginPolicy.Page {
        var fields = HTTPFields()
        fields[.origin] = example.origin
        fields[.secFetchSite] = example.site
        return policy.page(
            of: HTTPRequest(method: .get, scheme: "http", authority: example.host, path: "/", headerFields: fields))
    }

    @Test(arguments: cases)
    func `a page is listed, else the node's own if Host has its authority, else foreign`(_ example: Case) {
        #expect(page(example, by: OriginPolicy(Self.listed)) == example.page)
    }

    /// A value of `Host` with a page of the same authority, and whether the page is the node's own, on a node that
    /// listens on loopback and on an open one that does not.
    private static let hosts: [(String, Bool, Bool)] = [
        ("localhost:4000", true, true), ("127.0.0.1:4000", true, true), ("[::1]:4000", true, true),
        ("app.example:443", true, true),
        ("10.1.2.3:4000", false, true), ("x:4000", false, false), ("x.localhost:4000", false, false),
        ("rebound.example:4000", false, false),
    ]

    @Test(arguments: hosts)
    func `a name that a foreign site could point to the node makes no page the node's own`(
        host: String, isOwnOnLoopback: Bool, isOwnOnOpen: Bool
    ) {
        let example = Case(origin: "http://\(host)", host: host, page: .own)
        for isOpen in [true, false] {
            let onLoopback = OriginPolicy(Self.listed, listeningOn: "127.0.0.1", isOpen: isOpen)
            #expect((page(example, by: onLoopback) == .own) == isOwnOnLoopback)
        }
        #expect((page(example, by: OriginPolicy(Self.listed, isOpen: true)) == .own) == isOwnOnOpen)
        #expect(page(example, by: OriginPolicy(Self.listed)) == .own)
    }

    /// The address of the peer, the scheme on the connection, the value of `X-Forwarded-Proto`, and the schemes of
    /// pages that are the node's own.
    @Test(
        arguments: [
            ("10.0.0.1", "http", "https", ["https"]), ("10.0.0.1", "http", "http", ["http"]),
            ("10.0.0.1", "https", "http", ["http"]), ("10.0.0.1", "http", nil, ["http", "https"]),
            ("10.0.0.1", "https", "ftp", ["http", "https"]), ("192.0.2.1", "http", "https", ["http", "https"]),
            ("192.0.2.1", "https", "http", ["https"]), (nil, "http", "https", ["http", "https"]),
        ] as [(String?, String, String?, [String])])
    func `a page is the node's own if the request has its scheme, as far as that is known`(
        peer: String?, scheme: String, forwarded: String?, own: [String]
    ) throws {
        let policy = OriginPolicy(proxies: try #require(TrustedProxies("10.0.0.0/8")))
        let peer = try peer.map { try #require(ClientAddress($0)) }
        for (host, port) in [("node.example", ""), ("node.example:4000", ":4000")] {
            for page in ["http", "https"] {
                var fields: HTTPFields = [.origin: "\(page)://node.example\(port)"]
                fields[.forwardedProto] = forwarded
                let request = HTTPRequest(
                    method: .put, scheme: scheme, authority: host, path: "/", headerFields: fields)
                #expect((policy.page(of: request, from: peer) == .own) == own.contains(page), "\(page) \(host)")
                #expect(((try? policy.check(write: request, from: peer)) != nil) == own.contains(page))
            }
        }
    }

    @Test func `a request without a host has no own page`() {
        let request = HTTPRequest(
            method: .get, scheme: "http", authority: nil, path: "/", headerFields: [.origin: "http://node.example"])
        #expect(OriginPolicy().page(of: request) == .foreign)
    }

    @Test(arguments: cases)
    func `only a foreign page may not write`(_ example: Case) {
        var fields = HTTPFields()
        fields[.origin] = example.origin
        fields[.secFetchSite] = example.site
        let request = HTTPRequest(
            method: .put, scheme: "http", authority: example.host, path: "/", headerFields: fields)
        #expect(((try? OriginPolicy(Self.listed).check(write: request)) == nil) == (example.page == .foreign))
    }
}
