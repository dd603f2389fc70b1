// Rollcall · PresenceServerTests

import LocalServices
import NIOCore
import NIOSSL
import PresenceServer
import TestSupport
import Testing

@Suite("A connection with TLS")
struct TLSConnectionTests {
    private func withTLSServer(
        times: ConnectionTimes = ConnectionTimes(), _ body: @Sendable (_ server: TestServer) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let made = try await TestCertificate.make(in: folder)
        let context = try ServerTLS.context(
            chain: NIOSSLCertificate.fromPEMFile(made.certificateFile),
            key: NIOSSLPrivateKey(file: made.keyFile, format: .pem))
        try await withServer(times: times, tls: ServerTLS(context)) { try await body($0) }
    }

    @Test func `a client that never ends its handshake is disconnected`() async throws {
        var times = ConnectionTimes()
        // Long enough for the handshake of the last client, on a busy machine too.
        times.handshakeTimeout = .seconds(1)
        try await withTLSServer(times: times) { server in
            // Nothing, and the beginning of a record.
            for text in ["", "\u{16}\u{3}\u{1}"] {
                let client = try await RawClient.connect(to: server.url)
                try await client.send(text)
                try await eventually("the end") { try await client.isEnded }
                #expect(try await client.received.isEmpty)
                await client.close()
            }
            #expect(try await RollcallClient("https://127.0.0.1:\(server.port)").get("/healthz").status == 200)
        }
    }

    @Test func `a server stops although a handshake is not over`() async throws {
        var times = ConnectionTimes()
        times.handshakeTimeout = .hours(1)
        try await withTLSServer(times: times) { server in
            let silent = try await RawClient.connect(to: server.url)
            // The server has accepted the silent connection before this one.
            #expect(try await RollcallClient("https://127.0.0.1:\(server.port)").get("/healthz").status == 200)
            #expect(try await !silent.isEnded)
        }
    }

    @Test func `pipelined requests over TLS are answered in their order, and the last one closes`() async throws {
        try await withTLSServer { server in
            let client = try await RawClient.connect(to: "https://127.0.0.1:\(server.port)")
            let close = "GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            try await client.send(RawClient.get("/healthz") + RawClient.get("/v1/topics") + close)
            try await eventually("the end") { try await client.isEnded }
            let statuses = try await client.received.matches(of: /HTTP\/1\.1 (\d\d\d)/).map { String($0.1) }
            #expect(statuses == ["200", "200", "404"])
        }
    }

    @Test func `a client that sends a long body over TLS can send it to the end behind its answer`() async throws {
        var times = ConnectionTimes()
        // A server that stops reading would keep the client waiting for longer than the test does.
        times.linger = .minutes(2)
        times.longestLinger = .minutes(5)
        try await withTLSServer(times: times) { server in
            let chunk = "10000\r\n\(String(repeating: " ", count: 0x10000))\r\n"
            let head = "POST /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            let client = try await RawClient.connect(to: "https://127.0.0.1:\(server.port)")
            try await client.send(head + String(repeating: chunk, count: 64) + "0\r\n\r\n")
            try await eventually("the answer") { try await client.received.hasSuffix("}\n") }
            #expect(try await client.received.hasPrefix("HTTP/1.1 404"))
            await client.close()
        }
    }
}
