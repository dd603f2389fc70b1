// Rollcall · RedisTests

import LocalServices
import NIOCore
import Redis
import TestSupport
import Testing

@Suite("A connection to a real Redis")
struct RedisConnectionTests {
    private static let push = RedisScript(
        name: "push", source: Array("#!lua\nreturn redis.call('RPUSH', KEYS[1], ARGV[1])".utf8))

    private var oneConnection: RedisOptions {
        var options = RedisOptions.patient
        options.connections = 1
        options.scripts = [Self.push]
        return options
    }

    @Test func `Thousands of callers at once each get their own reply`() async throws {
        try await withPool(try await SharedRedis.url) { pool in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<5_000 {
                    group.addTask {
                        let reply = try await pool.connection().send(RedisCommand("ECHO", [.integer(number)]))
                        #expect(reply.int == number)
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func `No command of another caller comes between the commands of a batch`() async throws {
        let key = uniquePrefix() + "n"
        try await withPool(try await SharedRedis.url, options: oneConnection) { pool in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<200 {
                    group.addTask {
                        let replies = try await pool.connection().send([
                            RedisCommand("MULTI"), RedisCommand("INCR", [.string(key)]),
                            RedisCommand("GET", [.string(key)]),
                            RedisCommand("EXEC"),
                        ])
                        #expect(replies[0] == .status("OK"))
                        let results = try #require(replies[3].elements)
                        #expect(results[0].int == results[1].int)
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func `Any bytes come back unchanged, also millions of them`() async throws {
        let key = RedisArgument(uniquePrefix() + "b")
        try await withPool(try await SharedRedis.url) { pool in
            let connection = try pool.connection()
            for bytes in [[], [0, 13, 10, 255], (0..<9_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }] {
                _ = try await connection.send(RedisCommand("SET", [key, .bytes(bytes)]))
                #expect(try await connection.send(RedisCommand("GET", [key])).buffer == ByteBuffer(bytes: bytes))
            }
            _ = try await connection.send(RedisCommand("DEL", [key]))
            #expect(try await connection.send(RedisCommand("GET", [key])) == .null)
        }
    }

    @Test func `An error reply is thrown, or is a value of a batch, and the connection stays usable`() async throws {
        try await withPool(try await SharedRedis.url) { pool in
            let connection = try pool.connection()
            let error = await #expect(throws: RedisError.self) { try await connection.send(RedisCommand("GET")) }
            #expect(error?.code == .other)
            let values = try await connection.send([RedisCommand("GET"), RedisCommand("PING")])
            #expect(values[0].error?.code == .other)
            #expect(values[1] == .status("PONG"))
            #expect(try await connection.send([]).isEmpty)
        }
    }

    @Test func `A connection uses the database, the client name and the password of its settings`() async throws {
        try await withLocalRedis(arguments: ["--requirepass", "pä ss@"]) { redis in
            var options = oneConnection
            options.clientName = "a-node"
            let path = try #require(redis.url.split(separator: "//").last)
            try await withPool("redis+unix://:p%C3%A4%20ss%40@\(path)?db=3", options: options) { pool in
                let reply = try await pool.connection().send(RedisCommand("CLIENT", ["INFO"]))
                let text = try #require(reply.string)
                #expect(text.contains("db=3") && text.contains("name=a-node"))
                #expect(try pool.connection().server.version.hasPrefix("7."))
                #expect(try pool.connection().server.runID.count == 40)
                #expect(try pool.connection().server.maxmemoryPolicy == "noeviction")
            }
        }
    }

    @Test func `With a wrong password there is no connection, and no log line shows the password`() async throws {
        try await withLocalRedis(arguments: ["--requirepass", "right"]) { redis in
            let path = try #require(redis.url.split(separator: "//").last)
            let log = Recorder<String>()
            try await withPool("redis+unix://:s3cret@\(path)", log: log, mustConnect: false) { pool in
                try await eventually("a refusal") { log.all.contains { $0.contains("WRONGPASS") } }
                let error = #expect(throws: RedisError.self) { try pool.connection() }
                #expect(error?.code == .unavailable)
                #expect(await !pool.waitUntilConnected(timeout: .milliseconds(50)))
            }
            #expect(!log.all.contains { $0.contains("s3cret") })
        }
    }

    /// The flush and all calls are sent in one batch.
    @Test func `Calls of scripts that Redis has flushed are repeated in their order`() async throws {
        let key = RedisArgument(uniquePrefix() + "list")
        try await withLocalRedis { redis in
            try await withPool(redis.url, options: oneConnection) { pool in
                let connection = try pool.connection()
                let calls = (0..<300).map { connection.command(Self.push, keys: [key], arguments: [.integer($0)]) }
                #expect(calls[0].name == "EVALSHA")
                let replies = try await connection.send([RedisCommand("SCRIPT", ["FLUSH"])] + calls)
                #expect(replies.dropFirst().map(\.int) == Array(1...300))
                let list = try await connection.send(RedisCommand("LRANGE", [key, 0, -1]))
                #expect(list.elements?.map(\.int) == Array(0..<300))
            }
        }
    }

    @Test func `Calls succeed while scripts are flushed again and again`() async throws {
        let key = RedisArgument(uniquePrefix() + "list")
        try await withLocalRedis { redis in
            try await withPool(redis.url, options: oneConnection) { pool in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<20 {
                        group.addTask {
                            for number in 0..<50 {
                                let connection = try pool.connection()
                                _ = try await connection.eval(Self.push, keys: [key], arguments: [.integer(number)])
                            }
                        }
                    }
                    group.addTask {
                        for _ in 0..<100 { _ = try await pool.connection().send(RedisCommand("SCRIPT", ["FLUSH"])) }
                    }
                    try await group.waitForAll()
                }
                #expect(try await pool.connection().send(RedisCommand("LLEN", [key])).int == 1_000)
            }
        }
    }

    @Test func `A transaction has the error of a flushed script, and can be repeated with the text`() async throws {
        let key = RedisArgument(uniquePrefix() + "list")
        try await withLocalRedis { redis in
            try await withPool(redis.url, options: oneConnection) { pool in
                let connection = try pool.connection()
                _ = try await connection.send(RedisCommand("SCRIPT", ["FLUSH"]))
                let transaction = [
                    RedisCommand("MULTI"), connection.command(Self.push, keys: [key], arguments: ["x"]),
                    RedisCommand("EXEC"),
                ]
                #expect(try await connection.send(transaction)[2].elements?[0].error?.code == .noScript)
                let again = transaction.map { $0.withSource ?? $0 }
                #expect(try await connection.send(again)[2].elements?[0].int == 1)
            }
        }
    }

    @Test func `A script that the options do not list is sent with its text`() async throws {
        try await withPool(try await SharedRedis.url) { pool in
            let script = RedisScript(name: "sum", source: Array("return ARGV[1] + ARGV[2]".utf8))
            let reply = try await pool.connection().eval(script, keys: [], arguments: [19, 23])
            #expect(reply == .integer(42))
        }
    }

    @Test func `A Redis that does not answer in time loses its connection, and the pool opens a new one`() async throws
    {
        try await withLocalRedis { redis in
            var options = oneConnection
            options.commandTimeout = .milliseconds(500) * patience
            try await withPool(redis.url, options: options) { pool in
                let connection = try pool.connection()
                redis.pause()
                defer { redis.resume() }
                async let slow = connection.outcome(of: RedisCommand("PING"))
                async let other = connection.outcome(of: RedisCommand("PING"))
                for outcome in await [slow, other] {
                    let error = #expect(throws: RedisError.self) { try outcome.get() }
                    #expect(error?.code == .timeout)
                }
                redis.resume()
                try await eventually("a new connection") {
                    guard let new = try? pool.connection(), new !== connection else { return false }
                    // The pool may have opened it while Redis was paused.
                    return (try? await new.send(RedisCommand("PING"))) == .status("PONG")
                }
            }
        }
    }
}
