// Rollcall · PresenceServerTests

import HTTPTypes
import NIOCore
import PresenceServer
import TestSupport
import Testing

/// Connections byte by byte, as RFC 9110 and 9112 require.
@Suite("A connection")
struct ConnectionTests {
    private static let track = "POST /v1/topics/t/presences HTTP/1.1\r\nHost: x\r\n"
    private static let body = #"{"key":"ann"}"#
    private static let chunked = "d;name=\"value\"\r\n\(body)\r\n0\r\nTrailer: 1\r\n\r\n"

    @Test(
        arguments: [
            "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n\r\n",
            "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: TE\r\nConnection: close\r\n\r\n",
            "GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close, TE\r\n\r\n",
            "GET /healthz HTTP/1.0\r\n\r\n", "GET /v1/topics HTTP/1.0\r\nHost: x\r\n\r\n",
            "DELETE /nowhere HTTP/1.0\r\nConnection: TE\r\n\r\n",
            "HEAD /nowhere HTTP/1.0\r\n\r\n",
        ])
    func `a connection closes after the answer if its client asks for that, and the answer has Connection close`(
        request: String
    ) async throws {
        try await withServer { server in
            let answer = try await server.exchange(request)
            #expect(answer.isEnded && answer.answers.count == 1 && answer.has("Connection: close"))
            #expect(!answer.text.contains("Transfer-Encoding"))
        }
    }

    @Test(
        arguments: [
            "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "GET /healthz HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
            "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
            "HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "HEAD /nowhere HTTP/1.1\r\nHost: x\r\n\r\n",
            "HEAD /v1/topics/t/events HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET http://other/healthz HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
            "\r\n\r\nGET /healthz HTTP/1.1\r\nhOST: x\r\n\r\n",
            "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
            "GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\(chunked)",
            "DELETE /v1/topics/t/presences/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
            "\(track)Content-Length: 13\r\n\r\n\(body)", "\(track)Transfer-Encoding: chunked\r\n\r\n\(chunked)",
            "PROPFIND /v1/topics HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n",
            "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
            "\(track)Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 13\r\n\r\n\(body)",
            "\(track)Connection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n\(chunked)",
        ])
    func `a connection that its client does not close answers the next request, too`(request: String) async throws {
        try await withServer { server in
            let answer = try await server.exchangeTwice(request)
            #expect(answer.answers.count == 2 && answer.answers.last?.hasPrefix("200") == true, "\(answer.text)")
            #expect(answer.has("Connection: keep-alive") == request.contains("HTTP/1.0"))
        }
    }

    @Test func `requests that are pipelined behind an offer of another protocol are answered`() async throws {
        try await withServer { server in
            let offer = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
            let answer = try await server.exchange(
                offer + offer + RawClient.get("/v1/topics")
                    + "GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            #expect(answer.statuses == ["200", "200", "200", "404"])
        }
    }

    @Test func `pipelined requests are answered in their order`() async throws {
        try await withServer { server in
            let put = "PUT /v1/topics/t/presences/a/s HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
            let answer = try await server.exchange(
                put + put + RawClient.get("/nowhere") + "HEAD /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
                    + RawClient.get("/v1/topics/t") + "GARBAGE")
            #expect(answer.statuses.prefix(5) == ["201", "200", "404", "404", "200"])
        }
    }

    @Test func `an answer to HEAD has the fields of GET and no body, also when it is an error`() async throws {
        try await withServer { server in
            for path in ["/healthz", "/nowhere", "/v1/topics?x=1"] {
                func fields(_ method: String) async throws -> [Substring] {
                    let text = try await server.exchange(
                        "\(method) \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: same\r\n\r\n"
                    ).text
                    let head = try #require(text.firstRange(of: "\r\n\r\n"))
                    #expect((text.endIndex == head.upperBound) == (method == "HEAD"))
                    return text[..<head.lowerBound].split(separator: "\r\n").filter { !$0.hasPrefix("Date") }
                }
                #expect(try await fields("HEAD") == fields("GET"))
            }
            let stream = try await server.exchangeTwice("HEAD /v1/topics/t/events HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(stream.answers.first?.contains("Content-Length") == false)
            let long = String(repeating: "a", count: 90_000)
            let refused = ["HEAD /\(long) HTTP/1.1\r\n\r\n", "HEAD / HTTP/1.1\r\nName: \(long)\r\n\r\n"]
            for request in refused + refused.map({ RawClient.get("/healthz") + $0 }) {
                let answer = try #require(try await server.exchange(request).answers.last)
                #expect(answer.hasPrefix("4") && answer.hasSuffix("\r\n\r\n"), "\(answer)")
            }
            let client = try await RawClient.connect(to: server.url)
            for piece in ["HE", "AD", " /\(long)"] {
                try await client.send(piece)
                try await Task.sleep(for: .milliseconds(50))
            }
            try await eventually("an answer") { try await client.isEnded }
            let answer = try await client.received
            #expect(answer.hasPrefix("HTTP/1.1 414") && answer.hasSuffix("\r\n\r\n"), "\(answer)")
            await client.close()
        }
    }

    /// Refused requests, each with its status.
    private static let refused: [(String, Int)] = [
        ("GET /healthz HTTP/1.1\r\n\r\n", 400), ("GET /healthz HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n", 400), ("GET /v1/topics/t/events HTTP/1.1\r\n\r\n", 400),
        ("GET /v1/topics/t/events HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
        ("GET healthz HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        ("GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400), ("GET /healthz HTTP/1.1\r\nHost: x\r\nName : a\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400), ("\u{16}\u{3}\u{1}\u{2}\0\u{1}", 400),
        ("\(track)Transfer-Encoding: gzip, chunked\r\n\r\n\(chunked)", 501),
        ("\(track)Transfer-Encoding:\r\n\r\n", 400), ("\(track)Transfer-Encoding: chunked,\r\n\r\n\(chunked)", 400),
        ("DELETE /v1/topics/t/presences/a/s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n\r\n", 400),
        ("\(track)Transfer-Encoding: chunked\r\nContent-Length: 13\r\n\r\n\(chunked)", 400),
        ("\(track)Content-Length: 13\r\nContent-Length: 14\r\n\r\n\(body)", 400),
        ("\(track)Content-Length: -1\r\n\r\n", 400), ("\(track)Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        ("\(track)Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", 400),
        ("\(track)Expect: tea\r\nContent-Length: 13\r\n\r\n", 417),
        ("GET /v1/topics/t/events HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n", 417),
        ("BREW /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 501), ("get /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        ("CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", 404), ("GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        ("GET /healthz HTTP/1.1\nHost: x\n\n", 400), ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        ("GET /\(String(repeating: "a", count: 90_000)) HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        ("GET /healthz HTTP/1.1\r\nHost: x\r\nName: \(String(repeating: "a", count: 90_000))\r\n\r\n", 431),
        ("GET /healthz HTTP/1.1\r\nHost: x\r\n\(String(repeating: "a: b\r\n", count: 1_100))\r\n", 431),
        ("POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: \(5 << 20)\r\n\r\n{", 413),
    ]

    @Test(arguments: refused)
    func `a refused request gets a problem on every path, and the connection closes`(request: String, status: Int)
        async throws
    {
        try await withServer { server in
            let answer = try await server.exchange(request)
            #expect(answer.statuses == ["\(status)"], "\(answer.text.prefix(200))")
            #expect(answer.isProblem && answer.isEnded && answer.has("Connection: close"), "\(answer.text)")
            #expect(answer.text.contains("\"status\":\(status)") && answer.text.contains("\r\nX-Request-Id: "))
            #expect(answer.has("X-Content-Type-Options: nosniff") && answer.has("Vary: Origin"))
        }
    }

    @Test func `a refusal comes after the answers that are owed`() async throws {
        try await withServer { server in
            let answer = try await server.exchange(
                RawClient.get("/v1/topics") + RawClient.get("/nowhere") + "BREW / HTTP/1.1\r\n\r\n")
            #expect(answer.statuses == ["200", "404", "501"])
        }
    }

    @Test(
        arguments: [
            ("BREW / HTTP/1.1\r\n\r\n", "501"), ("\r\nBREW / HTTP/1.1\r\n\r\n", "501"),
            ("GET / HTTP/2.0\r\nHost: x\r\n\r\n", "505"),
            ("GET /\(String(repeating: "a", count: 90_000)) HTTP/1.1\r\nHost: x\r\n\r\n", "414"),
            ("GET / HTTP/1.1\r\nHost: x\r\nName: \(String(repeating: "a", count: 90_000))\r\n\r\n", "431"),
        ])
    func `a refusal has its own status behind every kind of request`(refused: String, status: String) async throws {
        let put = "PUT /v1/topics/t/presences/a/s HTTP/1.1\r\nHost: x\r\n"
        let get = RawClient.get("/healthz")
        let long = #"{"meta":{"a":"\#(String(repeating: "a", count: 2_000))"}}"#
        let before = [
            get, get + get, "\(put)Content-Length: 2\r\n\r\n{}", "\(put)Content-Length: 2\r\n\r\n{}\(get)",
            "\(put)Content-Length: \(long.utf8.count)\r\n\r\n\(long)",
            "\(put)Transfer-Encoding: chunked\r\n\r\n6\r\n{}\r\n\r\n\r\n0\r\n\r\n",
            "\(put)Transfer-Encoding: chunked\r\n\r\n6\r\n{}\r\n\r\n\r\n0\r\nTrailer: 1\r\n\r\n\(get)",
            "GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ]
        try await withServer { server in
            for text in before {
                let answer = try await server.exchange(text + refused)
                #expect(answer.statuses.last == status, "behind \(text): \(answer.text.suffix(400))")
                #expect(answer.statuses.dropLast().allSatisfy { $0.hasPrefix("20") }, "\(answer.text.prefix(400))")
            }
        }
    }

    @Test(arguments: ["POST /nowhere", "POST /healthz", "PUT /v1/topics/t/presences/a/s?x=1"])
    func `a client that sends a long body to the end gets the answer that came early`(line: String) async throws {
        var times = ConnectionTimes()
        // A slow machine may pause between two pieces.
        times.linger = .minutes(1)
        times.longestLinger = .minutes(5)
        try await withServer(times: times) { server in
            let chunk = "10000\r\n\(String(repeating: " ", count: 0x10000))\r\n"
            let head = "\(line) HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            let client = try await StalledReader.open(
                server.url + "/", sending: head + String(repeating: chunk, count: 4) + "0\r\n\r\n", goesOn: true)
            let text = try await client.read { $0.hasSuffix("}\n") }
            #expect(text.hasPrefix("HTTP/1.1 40"))
            await client.close()
        }
    }

    @Test func `a client that takes long to send a body gets the answer that came early`() async throws {
        var times = ConnectionTimes()
        // A slow machine may pause between two pieces.
        times.linger = .seconds(10) * patience
        times.longestLinger = .minutes(5)
        try await withServer(times: times) { server in
            let chunk = "10000\r\n\(String(repeating: " ", count: 0x10000))\r\n"
            let client = try await StalledReader.open(
                server.url + "/", sending: "POST /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
                goesOn: true)
            try await client.send(chunk, times: 10, every: .milliseconds(1200) * patience)
            #expect(try await client.read { $0.hasSuffix("}\n") }.hasPrefix("HTTP/1.1 404"))
            await client.close()
        }
    }

    @Test(arguments: [
        "GET /\(String(repeating: "a", count: 90_000)) HTTP/1.1\r\n", "NONSENSE\r\n\r\n",
        "\(track)Transfer-Encoding: chunked\r\n\r\nnonsense\r\n", "\(RawClient.get("/healthz"))NONSENSE\r\n\r\n",
    ])
    func `a client that keeps sending behind malformed bytes gets the refusal`(text: String) async throws {
        var times = ConnectionTimes()
        // A slow machine may pause between two pieces.
        times.linger = .seconds(10) * patience
        times.longestLinger = .minutes(5)
        try await withServer(times: times) { server in
            let client = try await StalledReader.open(server.url + "/", sending: text, goesOn: true)
            try await client.send("more\r\n", times: 10, every: .milliseconds(50))
            let answer = try await client.read { $0.hasSuffix("}\n") && $0.contains("problem+json") }
            #expect(answer.contains("HTTP/1.1 4"))
            await client.close()
        }
    }

    @Test func `the connection of a client that keeps sending after its answer closes in the end`() async throws {
        var times = ConnectionTimes()
        times.longestLinger = .seconds(1)
        try await withServer(times: times) { server in
            let client = try await RawClient.connect(to: server.url)
            try await client.send("POST /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            let chunk = "10000\r\n\(String(repeating: " ", count: 0x10000))\r\n"
            try await eventually("the end", timeout: .seconds(10)) {
                do { try await client.send(chunk) } catch { return true }
                return false
            }
            await client.close()
        }
    }

    @Test func `a request behind a body that is too long to drop is not executed`() async throws {
        try await withServer { server in
            let client = try await RawClient.connect(to: server.url)
            try await client.send("POST /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            try await eventually("404") { try await client.received.hasSuffix("}\n") }
            let body = "14000\r\n\(String(repeating: " ", count: 0x14000))\r\n0\r\n\r\n"
            try await client.send(body + "\(Self.track)Content-Length: 13\r\n\r\n\(Self.body)")
            try await eventually("the end") { try await client.isEnded }
            #expect(try await client.received.ranges(of: "HTTP/1.1 ").count == 1)
            await client.close()
            #expect(try await !server.redisContents().contains("ann"))
        }
    }

    @Test func `a client that waits for 100 Continue gets it at once, and then the answer`() async throws {
        try await withServer { server in
            for expectation in [
                "100-continue", "100-Continue", "100-continue\r\nExpect: 100-continue", "100-continue,,",
            ] {
                let client = try await RawClient.connect(to: server.url)
                try await client.send("\(Self.track)Expect: \(expectation)\r\nContent-Length: 13\r\n\r\n")
                try await eventually("100") { try await client.received == "HTTP/1.1 100 Continue\r\n\r\n" }
                try await client.send(Self.body)
                try await eventually("the answer") { try await client.received.contains("HTTP/1.1 ") }
                try await eventually("the end of it") { try await client.received.hasSuffix("}\n") }
                await client.close()
            }
        }
    }

    @Test(
        arguments: [
            ("POST /v1/batch", "Content-Length: \(5 << 20)", 413), ("POST /nowhere", "Content-Length: 9", 404),
            ("POST /healthz", "Content-Length: 9", 405),
            ("PUT /v1/topics/t/presences/a/s", "Content-Length: 9\r\nContent-Type: image/png", 415),
            ("PUT /v1/topics/t/presences/a/s", "Content-Length: 9\r\nContent-Encoding: gzip", 415),
            ("PUT /v1/topics/t/presences/a/s?x=1", "Content-Length: 9", 400),
            ("POST /v1/topics/t/presences", "Content-Length: 9\r\nOrigin: https://evil.example", 403),
        ])
    func `a request that waits for 100 Continue is refused from its head alone`(
        line: String, fields: String, status: Int
    ) async throws {
        try await withServer { server in
            let answer = try await server.exchange(
                "\(line) HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\(fields)\r\n\r\n")
            #expect(answer.statuses == ["\(status)"] && answer.isProblem && answer.isEnded, "\(answer.text)")
        }
    }

    @Test func `a compressed body is refused with the coding that the server accepts`() async throws {
        try await withServer { server in
            let answer = try await server.exchangeTwice(
                "\(Self.track)Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc")
            #expect(answer.statuses == ["415", "200"] && answer.has("Accept-Encoding: identity"))
        }
    }

    @Test func `OPTIONS of the server as a whole lists its methods`() async throws {
        try await withServer { server in
            let answer = try await server.exchangeTwice("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(answer.statuses == ["204", "200"])
            #expect(answer.has("Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"))
            #expect(answer.answers.first?.contains("Content-Length") == false)
        }
    }

    @Test func `request ids are random and have 16 hexadecimal digits`() async throws {
        try await withServer { server in
            var ids: [UInt64] = []
            for _ in 0..<8 {
                let id = try #require(try await server.send(.get, "/healthz").header("X-Request-Id"))
                #expect(id.utf8.count == 16)
                ids.append(try #require(UInt64(id, radix: 16)))
            }
            #expect(Set(ids.map { $0 >> 32 }).count == 8 && Set(ids.map { $0 & 0xFFFF_FFFF }).count == 8)
        }
    }
}
