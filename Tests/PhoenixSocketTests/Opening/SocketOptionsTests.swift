// Rollcall · PhoenixSocketTests

import Basics
import PresenceModel
import PresenceText
import Testing

@testable import PhoenixSocket

@Suite("The parameters of a socket")
struct SocketOptionsTests {
    private func options(_ query: String?) -> SocketOptions? { SocketOptions(SocketParameters(query: query)) }

    @Test(
        arguments: [
            (nil, .v1), ("1.0.0", .v1), ("1.0.7", .v1), ("2.0.0", .v2), ("2.0.12", .v2), ("", nil), ("1", nil),
            ("2.0", nil), ("2.1.0", nil), ("3.0.0", nil), ("2.0.0.0", nil), ("2.0.x", nil), ("2.0.-1", nil),
            ("02.0.0", nil), (" 2.0.0", nil), ("1.1.0", nil),
        ] as [(String?, SocketVersion?)])
    func `vsn is 2.0.x or 1.0.x, and a client that names none has version 1`(vsn: String?, version: SocketVersion?) {
        #expect(SocketVersion(vsn: vsn) == version)
        #expect(options(vsn.map { "vsn=\($0)" })?.version == version)
    }

    @Test func `without parameters a socket shows what phoenix.js and its ports can read`() throws {
        let plain = try #require(options("vsn=2.0.0"))
        #expect(plain.view == nil && !plain.showsReasons && plain.showsExtras && !plain.splitsDiffs)
        #expect(!plain.stampsDiffs && !plain.repairsByClosing && !plain.countsMessagesOnly)
    }

    @Test func `each option has a parameter`() throws {
        let query = "vsn=2.0.0&view=keys&reasons=true&extras=false&join_ref=always&repair=close&liveness=app"
        let all = try #require(options(query))
        #expect(all.view == .keys && all.showsReasons && !all.showsExtras && all.stampsDiffs)
        #expect(all.repairsByClosing && all.countsMessagesOnly && !all.splitsDiffs)
        #expect(options("vsn=2.0.0&diffs=each")?.splitsDiffs == true)
    }

    @Test func `a value of an application's own counts as none`() throws {
        let query = "vsn=2.0.0&view=dashboard&reasons=1&extras=no&diffs=all&join_ref=7&repair=me&liveness=2"
        #expect(options(query) == options("vsn=2.0.0"))
    }

    @Test func `diffs have a join_ref neither on version 1 nor if they are split`() throws {
        #expect(options("vsn=1.0.0&join_ref=always")?.stampsDiffs == false)
        #expect(options("vsn=2.0.0&join_ref=always&diffs=each")?.stampsDiffs == false)
    }

    @Test func `the format of a channel has the options`() throws {
        let stamped = try #require(options("vsn=2.0.0&extras=false&join_ref=always"))
        let format = stamped.format(.keys, topicPrefix: .realtime)
        #expect(format.view == .keys && !format.isWrapped && !format.hasID)
        #expect(
            format.socket
                == SocketFormat(form: .array, topicPrefix: .realtime, showsExtras: false, stampsDiffs: true))
        let split = try #require(options("diffs=each&reasons=true"))
        #expect(
            split.format(.full, topicPrefix: .none).socket
                == SocketFormat(form: .object, showsReasons: true, splitsDiffs: true))
    }

    // MARK: Parameters

    @Test func `parameters have any names, and the query may end in an ampersand`() {
        let parameters = SocketParameters(query: "a[b]=c&x&y=&name=J%C3%BCrgen+1&name=2&=&&vsn=2.0.0&")
        #expect(parameters["a[b]"] == "c" && parameters["x"] == "" && parameters["y"] == "")
        #expect(parameters["name"] == "Jürgen 1" && parameters["vsn"] == "2.0.0" && parameters["z"] == nil)
    }

    @Test func `a parameter that cannot be decoded counts as absent`() {
        let parameters = SocketParameters(query: "%ZZ=1&a=%FF&b=%4&c=3")
        #expect(parameters["a"] == nil && parameters["b"] == nil && parameters["c"] == "3")
        #expect(SocketParameters(query: nil)["a"] == nil)
    }

    @Test func `a socket keeps the parameters of joins only, and the start of long ones`() throws {
        let long = String(repeating: "a", count: 5_000)
        let query = "token=t&key=k&key=l&name=\(long)&user_id=&session=s&grace=5&view=keys&other=\(long)"
        let kept = SocketParameters(query: query).ofJoins
        #expect(kept["key"] == "k" && kept["user_id"] == "" && kept["session"] == "s" && kept["grace"] == "5")
        let name = try #require(kept["name"])
        #expect(name == String(long.prefix(1_024)))
        #expect(kept.credential == nil && kept["view"] == nil && kept["other"] == nil)
        #expect(throws: InputError.self) { try Key(name) }
    }

    @Test func `the credential is token, api_key or apikey, in this order`() {
        func credential(_ query: String) -> String? { SocketParameters(query: query).credential }
        #expect(credential("apikey=c&api_key=b&token=a") == "a")
        #expect(credential("apikey=c&api_key=b") == "b")
        #expect(credential("token=&apikey=c") == "c")
        #expect(credential("vsn=2.0.0&token=") == nil)
    }

    @Test func `a second token that begins with lp_ names the session of a long poll`() {
        let both = SocketParameters(query: "token=jwt&vsn=2.0.0&token=lp_1.a&token=lp_2.b")
        #expect(both.credential == "jwt" && both.pollToken == "lp_2.b")
        let session = SocketParameters(query: "token=lp_1.a")
        #expect(session.credential == nil && session.pollToken == "lp_1.a")
        #expect(SocketParameters(query: "token=jwt").pollToken == nil)
    }

    // MARK: Subprotocols

    @Test(
        arguments: [
            (["phoenix"], "phoenix", nil),
            (["phoenix, base64url.bearer.phx.YWJj"], "phoenix", "abc"),
            (["base64url.bearer.phx.YWJj", "phoenix"], "phoenix", "abc"),
            (["phoenix,\tbase64url.bearer.phx.YWI="], "phoenix", "ab"),
            (["phoenix, base64url.bearer.phx.fn5-"], "phoenix", "~~~"),
            (["phoenix, base64url.bearer.phx.fn5+"], "phoenix", "~~~"),
            (["phoenix, base64url.bearer.phx.%%"], "phoenix", ""),
            (["phoenix, base64url.bearer.phx._w"], "phoenix", ""),
            (["Phoenix, graphql-ws"], nil, nil), ([], nil, nil), ([""], nil, nil),
        ] as [([String], String?, String?)])
    func `the answer is phoenix if it is offered, and a token comes in base64 of either alphabet`(
        fields: [String], answer: String?, token: String?
    ) {
        let protocols = SocketProtocols(fields)
        #expect(protocols.answer == answer && protocols.authToken == token)
    }
}
