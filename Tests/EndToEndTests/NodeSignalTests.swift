// Rollcall · EndToEndTests

import Foundation
import LocalServices
import TestSupport
import Testing

/// Signals to a process, and the loss of its terminal or of its standard streams.
@Suite("Signals")
struct NodeSignalTests {
    private func withNode(
        _ more: [String: String] = [:], _ body: (RollcallProcess) async throws -> Void
    ) async throws {
        try await withRedis { redis in
            let settings = ["ROLLCALL_REDIS_PREFIX": uniquePrefix()].merging(more) { $1 }
            try await withRollcall(redis: redis, environment: settings) { try await body($0) }
        }
    }

    @Test func `SIGHUP and SIGPIPE never end a node`() async throws {
        try await withNode { node in
            node.process.send(SIGPIPE)
            node.process.send(SIGHUP)
            try await eventually("the line about SIGHUP") { node.log.contains("access: keys read again") }
            node.process.send(SIGHUP)
            #expect(try await node.client.get("/healthz").status == 200)
            #expect(await node.terminate() == .exited(0))
        }
    }

    @Test func `further signals do not shorten the drain of a node`() async throws {
        try await withNode(["ROLLCALL_DRAIN": "2"]) { node in
            var streams: [SSEClient] = []
            // An event loop ends one stream each 50 ms: some loop has 20 streams, and needs about a second.
            for _ in 0..<(20 * ProcessInfo.processInfo.activeProcessorCount) {
                let stream = try await node.client.events(RollcallClient.path(topic: "lobby", "events"))
                _ = try await stream.next("presence_state")
                streams.append(stream)
            }
            let start = ContinuousClock.now
            node.process.send(SIGTERM)
            try await eventually("the beginning of the end") { node.log.contains("signals: stopping") }
            for signal in [SIGTERM, SIGHUP, SIGINT] { node.process.send(signal) }
            try await eventually("the end of all streams", timeout: .seconds(30)) {
                streams.allSatisfy { $0.end != nil }
            }
            #expect(ContinuousClock.now - start > .milliseconds(900), "the last stream ended too early")
            #expect(await node.process.waitUntilExit() == .exited(0))
        }
    }

    @Test(arguments: ["<&- >&- 2>&-", ">&- 2>&-", "2>/dev/full", "2> >(true)"])
    func `a node goes on without its standard streams`(streams: String) async throws {
        let redis = try await SharedRedis.url
        let port = try LocalSocket.freePort()
        let node = try await OwnedProcess.start(
            "/bin/bash",
            arguments: ["-c", "exec 9>&1; exec \"$@\" \(streams)", "sh", try RollcallProcess.executable, "serve"],
            environment: [
                "ROLLCALL_OPEN": "true", "ROLLCALL_REDIS_URL": redis, "ROLLCALL_REDIS_PREFIX": uniquePrefix(),
                "ROLLCALL_PORT": "\(port)",
                "ROLLCALL_LOG_LEVEL": "debug",
            ])
        let client = RollcallClient("http://127.0.0.1:\(port)")
        try await eventually("an answer") { (try? await client.get("/readyz").status) == 200 }
        for number in 0..<20 {
            let path = RollcallClient.path(topic: "lobby", "presences", "k\(number)", "s")
            #expect(try await client.put(path, "{}").status == 201)
        }
        #expect(await node.stop() == .exited(0))
    }

    @Test func `a node goes on while its log has no reader`() async throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        let redis = try await SharedRedis.url
        let port = try LocalSocket.freePort()
        // The shell opens the pipe through /proc of this process; nothing reads its other end.
        let node = try await OwnedProcess.start(
            "/bin/sh",
            arguments: [
                "-c", "exec \"$@\" 2>/proc/\(getpid())/fd/\(ends[1])", "sh", try RollcallProcess.executable, "serve",
            ],
            environment: [
                "ROLLCALL_OPEN": "true", "ROLLCALL_REDIS_URL": redis, "ROLLCALL_REDIS_PREFIX": uniquePrefix(),
                "ROLLCALL_PORT": "\(port)",
                "ROLLCALL_LOG_LEVEL": "debug",
            ])
        let client = RollcallClient("http://127.0.0.1:\(port)")
        try await eventually("an answer") { (try? await client.get("/readyz").status) == 200 }
        for _ in 0..<800 { #expect(try await client.get("/healthz").status == 200) }
        #expect(await node.stop() == .exited(0))
    }

    @Test(arguments: [SIGINT, SIGTERM, SIGHUP])
    func `track and watch end with exit code 0 at a signal, and track untracks its presence`(signal: Int32) async throws
    {
        try await withNode { node in
            let environment = ["ROLLCALL_URL": node.url]
            let program = try RollcallProcess.executable
            let track = try await OwnedProcess.start(
                program, arguments: ["track", "lobby", "alice"], environment: environment)
            try await eventually("alice tracked") { track.log.text.contains("tracked alice") }
            let watch = try await OwnedProcess.start(program, arguments: ["watch", "lobby"], environment: environment)
            try await eventually("alice seen") { watch.log.text.contains("+ alice") }
            track.send(signal)
            #expect(await track.waitUntilExit() == .exited(0))
            #expect(track.log.lines.last == "untracked alice on lobby")
            try await eventually("alice gone") { watch.log.text.contains("- alice untracked") }
            watch.send(signal)
            #expect(await watch.waitUntilExit() == .exited(0))
        }
    }

    @Test func `list ends without an error when its reader has gone`() async throws {
        try await withNode { node in
            let text = String(repeating: "x", count: 500)
            for number in 0..<500 {
                let path = RollcallClient.path(topic: "lobby", "presences", "key number \(number)", "s")
                _ = try await node.client.put(path, #"{"ttl":300,"meta":{"text":"\#(text)"}}"#)
            }
            let outcome = try await Command.run(
                "sh", ["-c", "\"$0\" list lobby | head -1", try RollcallProcess.executable],
                environment: ["ROLLCALL_URL": node.url])
            #expect(outcome.output == "lobby: 500 keys, 500 presences\n")
            #expect(outcome.errors == "" && outcome.code == 0)
        }
    }

    @Test func `dev ends when its terminal closes`() async throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let node = try await RollcallProcess.start(
            ["dev", "--state", folder], environment: ["ROLLCALL_DATABASE_URL": "postgresql://127.0.0.1:1/none"])
        node.process.send(SIGHUP)
        #expect(await node.process.waitUntilExit() == .exited(0))
    }
}
