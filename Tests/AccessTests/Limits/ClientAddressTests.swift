// Rollcall · AccessTests

import Testing

@testable import Access

@Suite("The addresses of clients")
struct ClientAddressTests {
    @Test(arguments: [
        ("203.0.113.7", "203.0.113.7"), ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"), ("::1", "0:0:0:0::/64"),
    ])
    func `IPv4 counts by the address, and IPv6 by its first 64 bits`(text: String, counted: String) throws {
        let address = try #require(ClientAddress(text))
        #expect(address.counted.description == counted)
        #expect(address.counted == address.counted.counted)
    }

    @Test(arguments: ["", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.4x", "localhost", ":::", "fe80::1%eth0", " ::1"])
    func `another text is no address`(text: String) { #expect(ClientAddress(text) == nil) }

    @Test(arguments: [
        ("127.0.0.1", true), ("10.1.2.3", true), ("172.16.0.1", true), ("172.31.255.255", true), ("172.32.0.1", false),
        ("192.168.1.1", true), ("192.169.1.1", false), ("100.64.0.1", true), ("100.128.0.1", false),
        ("169.254.1.1", true), ("::1", true), ("::2", false), ("fe80::1", true), ("fd00::1", true),
        ("::ffff:10.0.0.1", true), ("203.0.113.7", false), ("2001:db8::1", false), ("0.0.0.0", false),
    ])
    func `local addresses are those of the machine and of private networks`(text: String, isLocal: Bool) throws {
        #expect(try #require(ClientAddress(text)).isLocal == isLocal)
    }

    @Test func `a range has the addresses that begin with its bits`() throws {
        let proxies = try #require(TrustedProxies("10.0.0.0/8, 192.0.2.1,2001:db8::/32"))
        for (text, isTrusted) in [
            ("10.255.0.1", true), ("11.0.0.1", false), ("192.0.2.1", true), ("192.0.2.2", false), ("2001:db8::9", true),
            ("2001:db9::9", false), ("::ffff:10.0.0.1", true),
        ] {
            #expect(proxies.trusts(try #require(ClientAddress(text))) == isTrusted, "\(text)")
        }
        #expect(TrustedProxies("0.0.0.0/0")?.trusts(try #require(ClientAddress("203.0.113.7"))) == true)
        #expect(TrustedProxies("0.0.0.0/0")?.trusts(try #require(ClientAddress("2001:db8::1"))) == false)
        #expect(TrustedProxies("::/0")?.trusts(try #require(ClientAddress("203.0.113.7"))) == true)
        for wrong in ["", ",", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "::/129", "::/8/8", "proxy", "{", "a b"] {
            #expect(TrustedProxies(wrong) == nil, "\(wrong)")
        }
    }

    /// The proxies of the table are 10.0.0.0/8; a case is the peer, the two fields and the client.
    @Test(
        arguments: [
            ("203.0.113.7", ["198.51.100.1"], [], "203.0.113.7"),
            ("10.0.0.1", [], [], "10.0.0.1"),
            ("10.0.0.1", ["198.51.100.1"], [], "198.51.100.1"),
            ("10.0.0.1", ["192.0.2.66, 198.51.100.1"], [], "198.51.100.1"),
            ("10.0.0.1", ["192.0.2.66, 198.51.100.1, 10.0.0.2"], [], "198.51.100.1"),
            ("10.0.0.1", ["192.0.2.66", "198.51.100.1", "10.0.0.2"], [], "198.51.100.1"),
            ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], [], "10.0.0.3"),
            ("10.0.0.1", ["198.51.100.1, unknown"], [], "10.0.0.1"),
            ("10.0.0.1", ["198.51.100.1, unknown, 10.0.0.2"], [], "10.0.0.2"),
            ("10.0.0.1", ["198.51.100.1,"], [], "10.0.0.1"),
            ("10.0.0.1", [#""192.0.2.66, 198.51.100.1"#], [], "198.51.100.1"),
            ("10.0.0.1", ["192.0.2.66\u{600}, 198.51.100.1"], [], "198.51.100.1"),
            ("10.0.0.1", ["198.51.100.1:5000"], [], "198.51.100.1"),
            ("10.0.0.1", ["198.51.100.1:x"], [], "10.0.0.1"),
            ("10.0.0.1", ["2001:db8::7"], [], "2001:db8::7"),
            ("10.0.0.1", ["[2001:db8::7]:443"], [], "2001:db8::7"),
            ("10.0.0.1", ["[2001:db8::7"], [], "10.0.0.1"),
            ("10.0.0.1", [], ["for=198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", [], [#"For="[2001:db8::7]:4711";proto=https"#], "2001:db8::7"),
            ("10.0.0.1", [], [#"for=192.0.2.66, for=198.51.100.1;by=10.0.0.1, for=10.0.0.2"#], "198.51.100.1"),
            ("10.0.0.1", [], [#"for="a,for=192.0.2.66";by=x, for=198.51.100.1"#], "198.51.100.1"),
            ("10.0.0.1", [], [#"for="a\",for=192.0.2.66""#], "10.0.0.1"),
            ("10.0.0.1", [], ["for=198.51.100.1, for=_hidden"], "10.0.0.1"),
            ("10.0.0.1", [], ["for=198.51.100.1, proto=https"], "10.0.0.1"),
            ("10.0.0.1", ["198.51.100.1"], ["for=198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", ["198.51.100.1"], ["for=192.0.2.66"], "10.0.0.1"),
            ("10.0.0.1", ["192.0.2.66"], ["for=198.51.100.1"], "10.0.0.1"),
        ] as [(String, [String], [String], String)])
    func `the client is the last address that no trusted proxy has`(
        peer: String, forwardedFor: [String], forwarded: [String], client: String
    ) throws {
        let proxies = try #require(TrustedProxies("10.0.0.0/8"))
        let found = proxies.client(
            at: try #require(ClientAddress(peer)), forwardedFor: forwardedFor, forwarded: forwarded)
        #expect(found == ClientAddress(client))
    }

    @Test(
        arguments: [
            (["https"], [], "https"), (["http"], [], "http"), ([" HTTPS "], [], "https"),
            (["https, https"], [], "https"),
            (["https", "http"], [], nil), (["https,"], [], nil), (["wss"], [], nil), ([""], [], nil), ([], [], nil),
            ([], ["for=192.0.2.7;proto=https"], "https"), ([], [#"for=192.0.2.7;Proto="http""#], "http"),
            ([], ["for=192.0.2.7;proto=https, for=10.0.0.2"], "https"), ([], ["proto=https, proto=http"], nil),
            (["https"], ["proto=https"], "https"), (["https"], ["proto=http"], nil),
        ] as [([String], [String], String?)])
    func `the scheme of a request is the one that all its proxies name`(
        forwardedProto: [String], forwarded: [String], scheme: String?
    ) {
        #expect(ForwardedFields.scheme(inForwardedProto: forwardedProto, forwarded: forwarded) == scheme)
    }

    @Test func `fields that are longer than proxies write are not read`() throws {
        let proxies = try #require(TrustedProxies("10.0.0.0/8"))
        let peer = try #require(ClientAddress("10.0.0.1"))
        let long = String(repeating: "1.2.3.4,", count: 512) + "198.51.100.1"
        #expect(proxies.client(at: peer, forwardedFor: [long], forwarded: []) == peer)
    }
}
