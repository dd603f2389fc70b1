// Rollcall · EndToEndTests

import Foundation
import LocalServices
import PEMFiles
import TestSupport
import Testing

/// Whole nodes with a certificate that openssl has made.
@Suite("A node with TLS")
struct TLSTests {
    private func withNode(
        _ body: (_ node: RollcallProcess, _ port: Int, _ certificate: TestCertificate) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let made = try await TestCertificate.make(in: folder)
        let settings = [
            "ROLLCALL_TLS_CERT": made.certificateFile, "ROLLCALL_TLS_KEY": made.keyFile,
            "ROLLCALL_REDIS_PREFIX": uniquePrefix(),
        ]
        try await withRollcall(redis: try await SharedRedis.url, environment: settings) { node in
            try await body(node, try #require(URLComponents(string: node.url)?.port), made)
        }
    }

    private static let events = RollcallClient.path(topic: "lobby", "events")
    private static let presences = RollcallClient.path(topic: "lobby", "presences")

    @Test func `lists, writes and streams work over https, and a node shows that address`() async throws {
        try await withNode { node, port, _ in
            #expect(node.url == "https://127.0.0.1:\(port)")
            let stream = try await node.client.events(Self.events)
            #expect(try await stream.next("presence_state").json == [:])
            let tracked = try await node.client.post(Self.presences, #"{"key":"alice"}"#)
            #expect(tracked.status == 201 && !tracked.isHTTP2)
            #expect(try await stream.next("presence_diff").json["joins"]?["alice"] != nil)
            #expect(try await node.client.get(Self.presences).json["presences"]?["alice"] != nil)
            await stream.close()
        }
    }

    @Test func `a state of megabytes arrives whole over TLS`() async throws {
        try await withNode { node, _, _ in
            let meta = String(repeating: "x", count: 3900)
            let operations = (0..<500).map {
                #"{"op":"put","topic":"lobby","key":"\#($0)","session":"s","ttl":300,"meta":{"x":"\#(meta)"}}"#
            }
            let body = #"{"operations":[\#(operations.joined(separator: ","))]}"#
            #expect(try await node.client.post("/v1/batch", body).status == 200)
            for _ in 0..<3 {
                let stream = try await node.client.events(Self.events)
                #expect(try await stream.next("presence_state").json.object?.count == 500)
                await stream.close()
            }
            #expect(try await node.client.get(Self.presences).json["presences"]?.object?.count == 500)
        }
    }

    /// Until the node has read the client's end of TLS, the client keeps the connection open.
    @Test func `a client that ends TLS ends its stream, and its presence leaves`() async throws {
        try await withNode { node, _, _ in
            let watcher = try await node.client.events(Self.events)
            _ = try await watcher.next("presence_state")
            let client = try await RawClient.connect(to: node.url)
            try await client.send(RawClient.get(Self.events + "?key=alice&session=s&grace=0"))
            #expect(try await watcher.next("presence_diff").json["joins"]?["alice"] != nil)
            let closing = Task { await client.close() }
            #expect(try await watcher.next("presence_diff").json["leaves"]?["alice"] != nil)
            await closing.value
            await watcher.close()
        }
    }

    @Test func `SIGHUP renews the certificate for new connections, and open streams stay`() async throws {
        try await withNode { node, port, made in
            let stream = try await node.client.events(Self.events)
            _ = try await stream.next("presence_state")
            #expect(try await TLSHandshake.perform(port: port).certificate == made.bytes)
            let folder = URL(fileURLWithPath: made.keyFile).deletingLastPathComponent().path
            let renewed = try await TestCertificate.make("renewed", in: folder)
            let bytes = try renewed.bytes
            try #require(rename(renewed.certificateFile, made.certificateFile) == 0)
            try #require(rename(renewed.keyFile, made.keyFile) == 0)
            node.process.send(SIGHUP)
            try await eventually("the new certificate") { node.log.contains("http: certificate read again") }
            #expect(try await TLSHandshake.perform(port: port).certificate == bytes)
            #expect(try await node.client.put(Self.presences + "/alice/s", "{}").status == 201)
            #expect(try await stream.next("presence_diff").json["joins"]?["alice"] != nil)
            #expect(stream.end == nil)
            await stream.close()
        }
    }

    @Test func `a certificate that cannot be read at SIGHUP changes nothing`() async throws {
        try await withNode { node, port, made in
            let bytes = try made.bytes
            try "no PEM".write(toFile: made.certificateFile, atomically: true, encoding: .utf8)
            node.process.send(SIGHUP)
            try await eventually("an error") { node.log.contains("http: certificate not read again") }
            #expect(node.log.contains("\(made.certificateFile) holds no certificate in the PEM form"))
            #expect(try await TLSHandshake.perform(port: port).certificate == bytes)
        }
    }

    @Test func `a key that others may read, or that is of another certificate, is refused at the start`() async throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let made = try await TestCertificate.make(in: folder)
        let other = try await TestCertificate.make("other", in: folder)
        #expect(chmod(made.keyFile, 0o640) == 0)
        for (key, words) in [(made.keyFile, "chmod 600"), (other.keyFile, "does not fit the certificate")] {
            let outcome = try await RollcallProcess.run(
                ["serve", "--tls-cert", made.certificateFile, "--tls-key", key],
                environment: ["ROLLCALL_REDIS_URL": "redis://localhost"])
            #expect(outcome.code == 64 && outcome.errors.contains("--tls-key: the file \(key) "), "\(outcome.errors)")
            #expect(outcome.errors.contains(words), "\(outcome.errors)")
        }
    }

    @Test(arguments: [
        (0o600, 7, 7, true), (0o400, 7, 7, true), (0o640, 7, 7, false), (0o604, 7, 7, false), (0o620, 7, 7, false),
        (0o440, 0, 7, true), (0o640, 0, 7, true), (0o444, 0, 7, false), (0o460, 0, 7, false), (0o440, 0, 0, false),
    ])
    func `a key is private if its owner alone may read it, or a group if it is root's and the node's user is not root`(
        mode: Int, owner: Int, reader: Int, isPrivate: Bool
    ) {
        #expect(PEMFile.isPrivate(mode: 0o100_000 | mode, owner: owner, reader: reader) == isPrivate)
    }

    @Test func `handshakes below TLS 1.2 are refused, and HTTP/1.1 is the protocol that is chosen`() async throws {
        try await withNode { node, port, _ in
            await #expect(throws: (any Error).self) { try await TLSHandshake.perform(port: port, newest: .tls11) }
            let offers: [([String], String?)] = [(["h2", "http/1.1"], "http/1.1"), (["h2"], nil), ([], nil)]
            for (offer, chosen) in offers {
                for version in [TLSHandshake.Version.tls12, .tls13] {
                    let handshake = try await TLSHandshake.perform(port: port, newest: version, offering: offer)
                    #expect(handshake.applicationProtocol == chosen)
                }
            }
            let failures = #"rollcall_tls_handshakes_failed_total{reason="error"}"#
            #expect(try await node.client.metric(failures) ?? 0 >= 1)
        }
    }

    @Test func `stalled handshakes delay no other client, end in time, and leave no file or memory behind`()
        async throws
    {
        try await withNode { node, _, _ in
            let address = node.url.replacing("https://", with: "http://")
            let stream = try await node.client.events(Self.events)
            _ = try await stream.next("presence_state")
            let timeouts = #"rollcall_tls_handshakes_failed_total{reason="timeout"}"#
            var slowest = Duration.zero
            /// Stalls 200 handshakes, before their first byte or within a record, until the node has ended them.
            func stall(_ round: Int) async throws {
                let stalled = try await RawClient.connect(200, to: address)
                for client in stalled[..<100] { try await client.send("\u{16}\u{3}\u{1}\u{2}\u{0}") }
                for number in 0..<20 {
                    let start = ContinuousClock.now
                    let meta = #"{"meta":{"n":"\#(round) \#(number)"}}"#
                    #expect((200...201).contains(try await node.client.put(Self.presences + "/ann/s", meta).status))
                    _ = try await stream.next("presence_diff")
                    // Another client needs a handshake of its own.
                    let newcomer = try await RawClient.connect(to: node.url)
                    try await newcomer.send(RawClient.get("/healthz"))
                    try await eventually("an answer") { try await newcomer.received.hasPrefix("HTTP/1.1 200 ") }
                    await newcomer.close()
                    slowest = max(slowest, start.duration(to: .now))
                }
                for client in stalled {
                    try await eventually("the end of a handshake") { try await client.isEnded }
                    #expect(try await client.received.isEmpty)
                    await client.close()
                }
                try await eventually("all time-outs") {
                    try await node.client.metric(timeouts) == Double(200 * (round + 1))
                }
            }
            try await stall(0)
            let before = ProcessUse(of: node)
            try await stall(1)
            let after = ProcessUse(of: node)
            print(
                "Stalled handshakes: \(before.memory ?? 0) MiB before, \(after.memory ?? 0) MiB after, others waited "
                    + "\(slowest) at most")
            #expect(slowest < .seconds(2) * patience, "others waited for \(slowest)")
            if let before = before.memory, let after = after.memory {
                #expect(after - before < 30, "\(before) MiB before, \(after) MiB after")
            }
            try await ProcessUse.awaitFiles(before.openFiles, of: node)
            #expect(stream.end == nil)
            await stream.close()
        }
    }

    @Test func `HTTP in clear text gets no answer in clear text`() async throws {
        try await withNode { node, port, _ in
            let client = try await RawClient.connect(to: "http://127.0.0.1:\(port)")
            try await client.send(RawClient.get("/healthz"))
            try await eventually("the end") { try await client.isEnded }
            #expect(try await !client.received.contains("HTTP"))
            await client.close()
        }
    }

    @Test func `the wire between a client and the node carries no plaintext of an event`() async throws {
        let mark = "a word of the meta"
        func recorded(_ node: RollcallProcess) async throws -> [UInt8] {
            let parts = try #require(URLComponents(string: node.url))
            return try await FaultyProxy.with(port: try #require(parts.port)) { proxy in
                proxy.record()
                let client = RollcallClient("\(parts.scheme ?? "")://127.0.0.1:\(proxy.port)")
                let stream = try await client.events(Self.events)
                _ = try await stream.next("presence_state")
                _ = try await client.put(Self.presences + "/alice/s", #"{"meta":{"text":"\#(mark)"}}"#)
                #expect(try await stream.next("presence_diff").data.contains(mark))
                await stream.close()
                return proxy.recorded
            }
        }
        try await withNode { node, _, _ in
            let bytes = try await recorded(node)
            #expect(!bytes.isEmpty)
            for word in [mark, "presence_diff", "HTTP/1.1", "alice"] { #expect(!bytes.contains(word.utf8), "\(word)") }
        }
        // The same words pass in clear text, so that the proxy would have recorded them.
        let settings = ["ROLLCALL_REDIS_PREFIX": uniquePrefix()]
        try await withRollcall(redis: try await SharedRedis.url, environment: settings) { node in
            let bytes = try await recorded(node)
            for word in [mark, "presence_diff", "HTTP/1.1", "alice"] { #expect(bytes.contains(word.utf8), "\(word)") }
        }
    }

    @Test func `the commands trust the authorities that SSL_CERT_FILE names`() async throws {
        try await withNode { node, _, made in
            func list(_ authority: String) async throws -> Command.Outcome {
                try await RollcallProcess.run(
                    ["list", "lobby"],
                    environment: ["ROLLCALL_URL": node.url, "SSL_CERT_FILE": authority, "SSL_CERT_DIR": ""])
            }
            let trusted = try await list(made.certificateFile)
            #expect(trusted.output == "lobby: 0 keys, 0 presences\n", "\(trusted.errors)")
            let untrusted = try await list("")
            #expect(untrusted.code == 69 && untrusted.errors.contains("SSL_CERT_FILE"), "\(untrusted.errors)")
            let missing = try await list("/no/file")
            #expect(missing.code == 64 && missing.errors.contains("SSL_CERT_FILE: the file /no/file does not exist"))
        }
    }

    @Test func `curl reads lists and streams over https, if the certificate is one that it trusts`() async throws {
        try await withNode { node, _, made in
            let trusted = ["-sSN", "--cacert", made.certificateFile]
            let list = try await Command.run("curl", trusted + ["-w", " %{http_version}", node.url + Self.presences])
            #expect(list.code == 0 && list.output.hasSuffix(" 1.1"), "\(list.output)\(list.errors)")
            // Code 60: nothing that curl trusts has signed the certificate.
            #expect(try await Command.run("curl", ["-sS", node.url + Self.presences]).code == 60)

            let received = made.certificateFile + ".received"
            async let stream = Command.run("curl", trusted + ["-o", received, node.url + Self.events])
            try await eventually("the state") {
                (try? String(contentsOfFile: received, encoding: .utf8))?.contains("event: presence_state") == true
            }
            node.process.send(SIGTERM)
            let followed = try await stream
            #expect(followed.code == 0, "\(followed.errors)")
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `the page of a node follows its topic over https in a browser`() async throws {
        let script = """
            with chromium() as browser:
                page = browser.new_context(ignore_https_errors=True).new_page()
                page.goto(sys.argv[1] + "/?name=Alice")
                expect(page.locator("#roster .name")).to_have_text(["Alice (count: 1)"], timeout=60_000)
                expect(page.locator("#state")).to_have_text("live", timeout=60_000)
            """
        try await withNode { node, _, _ in
            let outcome = try await Browser.run(script, [node.url])
            let texts = outcome.output + outcome.errors
            #expect(outcome.code == 0, "\(texts)\nThe node's log:\n\(node.process.log.tail(20))")
        }
    }

    @Test func `a node with streams over TLS stops in time`() async throws {
        try await withNode { node, _, _ in
            let stream = try await node.client.events(Self.events)
            _ = try await stream.next("presence_state")
            node.process.send(SIGTERM)
            #expect(try await stream.next("end").data.contains("draining"))
            #expect(await node.process.waitUntilExit() == .exited(0))
        }
    }
}
