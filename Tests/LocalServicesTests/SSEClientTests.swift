// Rollcall · LocalServicesTests

import LocalServices
import TestSupport
import Testing

/// The tests use a server of twenty lines, so that the client is checked before it tests Rollcall.
@Suite("The event stream client")
struct SSEClientTests {
    private static let server = """
        import http.server, time
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def log_message(self, *_): pass
            def do_GET(self):
                if self.path != "/events":
                    body = b'{"asked": "%s"}' % self.headers.get("X-Ask", "").encode()
                    self.send_response(404); self.send_header("Content-Length", str(len(body))); self.end_headers()
                    self.wfile.write(body)
                    return
                self.send_response(200); self.send_header("Content-Type", "text/event-stream"); self.end_headers()
                self.wfile.write(b"retry: 42\\n: hi\\n\\n"); self.wfile.flush()
                self.wfile.write(b"id: %s\\ndata: 1\\n\\n" % self.headers.get("Last-Event-ID", "none").encode())
                for n in range(2, 1000000 if "X-Endless" in self.headers else 4):
                    self.wfile.write(b"event: n\\ndata: %d\\n\\n" % n); self.wfile.flush(); time.sleep(0.01)
                self.close_connection = True
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        print("port", server.server_port, flush=True)
        server.serve_forever()
        """

    private func withServer(_ body: (RollcallClient) async throws -> Void) async throws {
        let process = try await OwnedProcess.start("/usr/bin/env", arguments: ["python3", "-c", Self.server])
        let line = try await process.ready(within: giveUpTime * patience) { process.log.completeLines.first }
        try await body(RollcallClient("http://127.0.0.1:\(line.dropFirst("port ".count))"))
        await process.kill()
    }

    @Test func `Events arrive in order up to the end, with ids, comments and retry`() async throws {
        try await self.withServer { client in
            let stream = try await client.events("/events", lastEventID: "e-5")
            #expect(stream.status == 200)
            #expect(stream.header("content-type") == "text/event-stream")
            #expect(try await stream.next() == SSEEvent(name: "message", data: "1", id: "e-5", lastEventID: "e-5"))
            #expect(try await stream.next("n").data == "2")
            #expect(try await stream.next().data == "3")
            try await eventually("the end") { stream.end != nil }
            #expect(stream.retry == 42)
            #expect(stream.comments == ["hi"])
            #expect(stream.events.map(\.data) == ["1", "2", "3"])
            #expect(stream.lastEventID == "e-5")
            await #expect(throws: NeverHappened.self) { try await stream.next() }
        }
    }

    @Test func `A close ends an endless stream, and a missing event is a failure`() async throws {
        try await self.withServer { client in
            let stream = try await client.events("/events", headers: ["X-Endless": "1"])
            _ = try await stream.next("n")
            await #expect(throws: NeverHappened.self) { try await stream.next("m", timeout: .milliseconds(50)) }
            await stream.close()
            guard case .failed = stream.end else {
                Issue.record("it ended as \(String(describing: stream.end))")
                return
            }
        }
    }

    @Test func `More streams than a usual connection pool allows are open at once, and requests still pass`()
        async throws
    {
        try await self.withServer { client in
            var streams: [SSEClient] = []
            for _ in 1...12 { streams.append(try await client.events("/events", headers: ["X-Endless": "1"])) }
            let response = try await client.get("/other", headers: ["X-Ask": "why"])
            #expect(response.status == 404)
            #expect(try response.json["asked"] == "why")
            for stream in streams { await stream.close() }
        }
    }
}
