// Rollcall · EndToEndTests

import JSONText
import LocalServices
import TestSupport
import Testing

@testable import rollcall

/// The program as a user runs it at a prompt.
@Suite("The command line")
struct CommandLineTests {
    @Test func `serve without a Redis names the setting and rollcall dev`() async throws {
        let outcome = try await RollcallProcess.run(["serve"])
        #expect(outcome.code == 64)
        #expect(outcome.errors.contains("ROLLCALL_REDIS_URL"))
        #expect(outcome.errors.contains("rollcall dev"))
        #expect(outcome.output.isEmpty)
    }

    @Test func `A bad setting ends serve with an error that names it`() async throws {
        let outcome = try await RollcallProcess.run(["serve"], environment: ["ROLLCALL_PORT": "tcp://10.0.0.1:4000"])
        #expect(outcome.code == 64)
        #expect(outcome.errors.contains("ROLLCALL_PORT must be a whole number from 0 to 65535"))
    }

    @Test(arguments: [
        (["serve", "--prt", "1"], "--prt"), (["serve", "redis://u:hunter2@h"], "***@h"), (["nonsense"], "nonsense"),
        (["serve", "--port", "1", "--port", "2"], "--port is given twice"), (["list"], "topic"),
        (["serve", "--redis-url", "redis://:hunter2@h"], "--redis-url-file"),
        (["serve", "--redis-url", "redis://h", "--config", "/no/such"], "/no/such"),
        (["migrate", "--database-url", "postgresql://u:hunter2@h/d"], "--database-url-file"),
        (["list", "a", "--url", "http://u:hunter2@h"], "ROLLCALL_URL"),
    ])
    func `a wrong command line ends with one line that names the fault and shows no password`(
        arguments: [String], words: String
    ) async throws {
        let outcome = try await RollcallProcess.run(arguments)
        #expect(outcome.code == 64)
        #expect(outcome.errors.hasPrefix("rollcall: ") && outcome.errors.count { $0 == "\n" } == 1, "\(outcome.errors)")
        #expect(outcome.errors.lowercased().contains(words.lowercased()), "\(outcome.errors)")
        #expect(!(outcome.output + outcome.errors).contains("hunter2"))
    }

    @Test(arguments: [("nowhere.invalid", "no host of that name"), ("192.0.2.1", "no such address")])
    func `serve ends with the name of the setting if the machine does not have the address`(host: String, words: String)
        async throws
    {
        let outcome = try await RollcallProcess.run(
            ["serve", "--host", host],
            environment: ["ROLLCALL_REDIS_URL": try await SharedRedis.url, "ROLLCALL_REDIS_PREFIX": uniquePrefix()])
        #expect(outcome.code == 69)
        #expect(outcome.errors.contains("rollcall: cannot listen on \(host)") && outcome.errors.contains(words))
        #expect(outcome.errors.contains("ROLLCALL_HOST"))
    }

    @Test func `A node refuses to start on the Redis of another kind of deployment, even if that is full`()
        async throws
    {
        try await withLocalRedis { redis in
            for command in [["HSET", "rc:cfg", "buckets", "64", "format", "1"], ["CONFIG", "SET", "maxmemory", "1"]] {
                #expect(try await Command.run("redis-cli", ["-s", redis.socketPath] + command).code == 0)
            }
            let outcome = try await RollcallProcess.run(["serve"], environment: ["ROLLCALL_REDIS_URL": redis.socketURL])
            #expect(outcome.code == 64)
            #expect(outcome.errors.contains("buckets = 64"))
            #expect(!outcome.errors.contains("listening"))
        }
    }

    @Test func `serve ends at once with the number of its port if that is taken`() async throws {
        try await withRedis { redis in
            try await withRollcall(redis: redis, environment: ["ROLLCALL_REDIS_PREFIX": uniquePrefix()]) { node in
                let port = String(node.url.split(separator: ":").last ?? "")
                let outcome = try await RollcallProcess.run(
                    ["serve", "--port", port],
                    environment: ["ROLLCALL_REDIS_URL": redis, "ROLLCALL_REDIS_PREFIX": uniquePrefix()])
                #expect(outcome.code == 69)
                #expect(outcome.errors.contains("port \(port) of 127.0.0.1 is taken"))
            }
        }
    }

    @Test func `serve --help shows every setting with its variable and its default`() async throws {
        let outcome = try await RollcallProcess.run(["serve", "--help"], environment: ["COLUMNS": "400"])
        #expect(outcome.code == 0)
        #expect(outcome.output.contains("(ROLLCALL_DEFAULT_TTL; default: 30)"))
        #expect(outcome.output.contains("(ROLLCALL_REDIS_URL; required)"))
    }

    @Test(arguments: ["list", "watch"])
    func `A command that reaches no service names rollcall dev`(command: String) async throws {
        let outcome = try await RollcallProcess.run([command, "lobby", "--url", "http://127.0.0.1:1"])
        #expect(outcome.code == 69)
        #expect(outcome.errors.contains("cannot reach http://127.0.0.1:1 (Connection refused)"))
        #expect(outcome.errors.contains("rollcall dev"))
    }

    @Test func `list, watch and track show and make presences of a running node`() async throws {
        try await withRedis { redis in
            try await withRollcall(redis: redis, environment: ["ROLLCALL_REDIS_PREFIX": uniquePrefix()]) { node in
                let environment = ["ROLLCALL_URL": node.url]
                let empty = try await RollcallProcess.run(["list", "a/b ü"], environment: environment)
                #expect(empty.output == "a/b ü: 0 keys, 0 presences\n")

                let watch = try await OwnedProcess.start(
                    try RollcallProcess.executable, arguments: ["watch", "a/b ü"],
                    environment: ["ROLLCALL_URL": node.url])
                let track = try await OwnedProcess.start(
                    try RollcallProcess.executable,
                    arguments: ["track", "a/b ü", "alice", "--meta", #"{"n":1.50}"#, "--session", "laptop"],
                    environment: ["ROLLCALL_URL": node.url])
                try await eventually("alice tracked") {
                    track.log.text.contains("tracked alice on a/b ü, session laptop")
                }
                try await eventually("alice seen") { watch.log.lines.contains("+ alice {\"n\":1.50}") }

                let list = try await RollcallProcess.run(["list", "a/b ü"], environment: environment)
                #expect(list.output == "a/b ü: 1 key, 1 presence\nalice  1  {\"n\":1.50}\n")
                let json = try await RollcallProcess.run(["list", "a/b ü", "--json"], environment: environment)
                #expect(
                    try JSONValue(parsing: json.output)["presences"]?["alice"]?["metas"]?[0]?["n"] == .number("1.50"))

                #expect(await track.stop() == .exited(0))
                #expect(track.log.lines.last == "untracked alice on a/b ü")
                try await eventually("alice gone") { watch.log.lines.contains("- alice untracked") }
                #expect(await watch.stop() == .exited(0))
            }
        }
    }

    @Test func `watch resumes a lost stream at its last event`() async throws {
        try await withRedis { redis in
            // The port is below those of outgoing connections, one of which might take it while no node listens.
            let environment = [
                "ROLLCALL_REDIS_PREFIX": uniquePrefix(), "ROLLCALL_DRAIN": "0",
                "ROLLCALL_PORT": "\(try LocalSocket.freePort())",
            ]
            let first = try await RollcallProcess.serve(redis: redis, environment: environment)
            _ = try await first.client.post(
                RollcallClient.path(topic: "lobby", "presences"), #"{"key":"alice","session":"s","ttl":60}"#)
            let watch = try await OwnedProcess.start(
                try RollcallProcess.executable, arguments: ["watch", "lobby", "--url", first.url])
            defer { watch.send(9) }
            try await eventually("alice seen") { watch.log.lines.contains("+ alice {}") }
            await first.terminate()
            let second = try await RollcallProcess.serve(redis: redis, environment: environment)
            try await eventually("watch is back") {
                try await second.client.get("/metrics").text.contains("\nrollcall_streams_open 1\n")
            }
            // A stream counts as open before it has its state. After bob's join it has, so the leave comes in a diff.
            _ = try await second.client.post(
                RollcallClient.path(topic: "lobby", "presences"), #"{"key":"bob","session":"s","ttl":60}"#)
            try await eventually("bob seen") { watch.log.lines.contains("+ bob {}") }
            _ = try await second.client.delete(RollcallClient.path(topic: "lobby", "presences", "alice", "s"))
            try await eventually("alice gone") { watch.log.lines.contains("- alice untracked") }
            #expect(watch.log.text.count { $0 == "+" } == 2)
            await watch.stop()
            await second.terminate()
        }
    }

    @Test func `a refused command shows the detail of the service's problem`() async throws {
        try await withRedis { redis in
            try await withRollcall(redis: redis, environment: ["ROLLCALL_REDIS_PREFIX": uniquePrefix()]) { node in
                let meta = #"{"text":"\#(String(repeating: "a", count: 5_000))"}"#
                let outcome = try await RollcallProcess.run(
                    ["track", "lobby", "alice", "--meta", meta], environment: ["ROLLCALL_URL": node.url])
                #expect(outcome.code == 1)
                #expect(outcome.errors.hasPrefix("rollcall: "))
                #expect(outcome.errors.contains("4096 bytes"))
            }
        }
    }

    @Test(arguments: [
        (["list", ""], "TOPIC: A topic has 1 to 256 bytes"), (["watch", "a\u{7}"], "TOPIC: A topic has no control"),
        (["track", "", "alice"], "TOPIC: "), (["track", "lobby", ""], "KEY: A key has"),
        (["track", "lobby", "alice", "--session", "a b"], "--session: A session has"),
        (["track", "lobby", "alice", "--meta", "[]"], "--meta: A meta is a JSON object, not an array"),
        (["track", "lobby", "alice", "--meta", "nojson"], "--meta: "),
        (["track", "lobby", "alice", "--meta", #"{"phx_ref":"x"}"#], "--meta: "),
    ])
    func `a wrong argument ends a command with exit code 64 and the name of the argument`(
        command: [String], reason: String
    ) async throws {
        let outcome = try await RollcallProcess.run(command + ["--url", "http://127.0.0.1:1"])
        #expect(outcome.code == 64)
        #expect(outcome.errors.hasPrefix("rollcall: \(reason)"), "\(outcome.errors)")
        #expect(outcome.errors.split(separator: "\n").count == 1)
    }

    @Test func `a system that starts too few threads ends serve with one line`() async throws {
        #if os(Linux)
            // No address space has room for a stack of this size.
            let outcome = try await Command.run(
                "/usr/bin/prlimit", ["--stack=\(1 << 46)", try RollcallProcess.executable, "serve"])
            #expect(outcome.code == 69)
            #expect(outcome.errors.contains("starts only 0 threads"), "\(outcome.errors)")
            #expect(outcome.errors.split(separator: "\n").count == 1)
        #endif
    }
}
