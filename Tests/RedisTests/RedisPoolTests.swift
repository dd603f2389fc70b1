// Rollcall · RedisTests

import LocalServices
import NIOCore
import NIOPosix
import Redis
import TestSupport
import Testing

@Suite("A pool of Redis connections")
struct RedisPoolTests {
    private func isConnected(_ event: PoolEvent) -> Bool {
        if case .connected = event { true } else { false }
    }

    private func clientIDs(_ pool: RedisPool, _ count: Int) async throws -> Set<Int> {
        var ids: Set<Int> = []
        for _ in 0..<count {
            ids.insert(try await pool.connection().send(RedisCommand("CLIENT", ["ID"])).int ?? 0)
        }
        return ids
    }

    @Test func `The connections of a pool are used in turn`() async throws {
        try await withPool(try await SharedRedis.url) { pool in
            try await eventually("both connections") { try await clientIDs(pool, 4).count == 2 }
        }
    }

    @Test func `Killed connections are replaced, and each new one sends an event`() async throws {
        try await withLocalRedis { redis in
            let events = Recorder<PoolEvent>()
            try await withPool(redis.url, onChange: { events.record($0) }) { pool in
                try await eventually { events.all.count == 2 }
                let old = try await clientIDs(pool, 4)
                let kill = RedisCommand("CLIENT", ["KILL", "TYPE", "normal", "SKIPME", "no"])
                _ = await (try pool.connection()).outcome(of: kill)
                try await eventually("two new connections") {
                    guard let new = try? await clientIDs(pool, 4) else { return false }
                    return new.count == 2 && new.isDisjoint(with: old)
                }
                try await eventually { events.all.count(where: isConnected) == 4 }
                #expect(events.all.filter { !isConnected($0) }.count <= 2)
            }
        }
    }

    @Test func `While Redis is away there is no connection; a restarted server has another run id`() async throws {
        try await withLocalRedis { redis in
            let events = Recorder<PoolEvent>()
            let log = Recorder<String>()
            try await withPool(redis.url, log: log, onChange: { events.record($0) }) { pool in
                try await eventually { events.all.count == 2 }
                let runID = try pool.connection().server.runID
                await redis.kill()
                try await eventually("the loss") { events.all.last == .lost }
                let error = #expect(throws: RedisError.self) { try pool.connection() }
                #expect(error?.code == .unavailable)

                async let back = pool.waitUntilConnected(timeout: giveUpTime)
                try await redis.restart()
                #expect(await back)
                #expect(try pool.connection().server.runID != runID)
                try await eventually("both events") { events.all.count(where: isConnected) == 4 }
                #expect(events.all.count { $0 == .lost } == 1)
                #expect(log.all.contains { $0.hasPrefix("warning redis: connection lost") })
            }
        }
    }

    @Test func `A pool waits for a Redis that starts later`() async throws {
        try await withLocalRedis { redis in
            await redis.halt()
            try await withPool(redis.url, mustConnect: false) { pool in
                #expect(await !pool.waitUntilConnected(timeout: .milliseconds(100)))
                try await redis.restart()
                #expect(await pool.waitUntilConnected(timeout: giveUpTime))
            }
        }
    }

    @Test func `With a script that Redis cannot compile there is no connection, and the log names the script`()
        async throws
    {
        var options = RedisOptions()
        options.scripts = [RedisScript(name: "broken", source: Array("return (".utf8))]
        let log = Recorder<String>()
        try await withPool(try await SharedRedis.url, options: options, log: log, mustConnect: false) { pool in
            try await eventually { log.all.contains { $0.contains("the script broken was refused") } }
            #expect(throws: RedisError.self) { try pool.connection() }
        }
    }

    @Test func `Cancellation ends the run after sent commands are answered`() async throws {
        try await withLocalRedis { redis in
            var options = RedisOptions()
            options.connections = 1
            options.commandTimeout = giveUpTime
            let pool = RedisPool(
                url: try RedisURL(redis.url), options: options, eventLoopGroup: .singletonMultiThreadedEventLoopGroup,
                logger: Recorder().logger)
            let run = Task { try await pool.run() }
            #expect(await pool.waitUntilConnected(timeout: giveUpTime))
            let connection = try pool.connection()
            async let slow = connection.outcome(of: RedisCommand("BLPOP", ["list", "0"]))
            try await withPool(redis.url) { other in
                try await eventually("the command waits in Redis") {
                    let info = try await other.connection().send(RedisCommand("INFO", ["clients"])).string
                    return info?.contains("blocked_clients:1") == true
                }
                run.cancel()
                _ = try await other.connection().send(RedisCommand("RPUSH", ["list", "answer"]))
            }
            #expect(try await slow.get().elements?.last?.string == "answer")
            try await run.value
            #expect(!connection.isOpen)
            #expect(throws: RedisError.self) { try pool.connection() }
        }
    }

    @Test func `Settings that cannot work end the run with an error`() async throws {
        var options = RedisOptions()
        options.tls.authorityFile = "/nowhere/ca.pem"
        let pool = RedisPool(
            url: try RedisURL("rediss://localhost"), options: options,
            eventLoopGroup: .singletonMultiThreadedEventLoopGroup, logger: Recorder().logger)
        let error = await #expect(throws: RedisError.self) { try await pool.run() }
        #expect(error?.code == .invalidSettings)
    }

    @Test func `A wrong password is one log line for all connections, with the setting and without the password`()
        async throws
    {
        try await withLocalRedis(arguments: ["--requirepass", "right"]) { redis in
            var options = RedisOptions()
            options.urlName = "SETTING"
            let (log, events) = (Recorder<String>(), Recorder<PoolEvent>())
            let url = redis.socketURL.replacing("redis+unix://", with: "redis+unix://:wrong@")
            try await withPool(url, options: options, log: log, onChange: { events.record($0) }, mustConnect: false) {
                pool in
                try await eventually("several attempts") {
                    events.all.count { if case .refused = $0 { true } else { false } } >= 4
                }
                #expect(pool.trouble?.kind == .password)
                #expect(pool.trouble?.detail.hasPrefix("WRONGPASS") == true)
                let lines = log.all.filter { $0.hasPrefix("error") || $0.hasPrefix("warning") }
                #expect(lines.count == 1, "\(lines)")
                #expect(lines.first?.contains("redis: cannot be used") == true)
                #expect(lines.first?.contains("SETTING") == true && lines.first?.contains("by itself") == true)
                #expect(!log.all.contains { $0.contains("wrong@") || $0.contains(":wrong") })
            }
        }
    }

    /// Options of a pool that checks only when a test requests it.
    private var unhurried: RedisOptions {
        var options = RedisOptions.patient
        options.admission = RedisAdmission(
            rights: RedisScript(name: "rights", source: Array("#!lua flags=no-writes\nreturn {}".utf8)), arguments: [],
            writing: RedisScript(name: "writing", source: Array("#!lua\nreturn 1".utf8)))
        options.admissionInterval = .seconds(3600)
        options.readOnlyInterval = .seconds(3600)
        return options
    }

    @Test func `A read-only connection that closes is replaced at once`() async throws {
        try await withLocalRedis { redis in
            try await withPool(redis.socketURL, options: unhurried) { pool in
                try await eventually("both connections") { try await clientIDs(pool, 4).count == 2 }
                _ = try await pool.connection().send(RedisCommand("REPLICAOF", ["127.0.0.1", "1"]))
                await pool.check()
                let old =
                    try await eventually("two read-only connections") {
                        guard pool.trouble?.kind == .readOnly, let ids = try? await clientIDs(pool, 4) else {
                            return nil
                        }
                        return ids.count == 2 ? ids : nil
                    } as Set<Int>
                let kill = RedisCommand("CLIENT", ["KILL", "TYPE", "normal", "SKIPME", "no"])
                _ = await (try pool.connection()).outcome(of: kill)
                try await eventually("two new connections") {
                    guard let new = try? await clientIDs(pool, 4) else { return false }
                    return new.count == 2 && new.isDisjoint(with: old)
                }
            }
        }
    }

    @Test func `Requests for a recent check share one check, which asks each connection once`() async throws {
        try await withLocalRedis { redis in
            try await withPool(redis.socketURL, options: unhurried) { pool in
                try await eventually("both connections") { try await clientIDs(pool, 4).count == 2 }
                _ = try await pool.connection().send(RedisCommand("CONFIG", ["RESETSTAT"]))
                await withDiscardingTaskGroup { group in
                    for _ in 0..<50 { group.addTask { await pool.check(within: .seconds(3600)) } }
                }
                let info = try await pool.connection().send(RedisCommand("INFO", ["commandstats"])).string ?? ""
                #expect(info.contains("cmdstat_evalsha:calls=4,"), "\(info)")
            }
        }
    }

    @Test func `A check of a stalled Redis takes one command time-out, not one for each connection`() async throws {
        try await withLocalRedis { redis in
            var options = unhurried
            options.commandTimeout = .seconds(3) * patience
            try await withPool(redis.socketURL, options: options) { pool in
                try await eventually("both connections") { try await clientIDs(pool, 4).count == 2 }
                redis.pause()
                let duration = await ContinuousClock().measure { await pool.check() }
                redis.resume()
                #expect(duration < options.commandTimeout * 1.6)
            }
        }
    }

    @Test func `The trouble of a pool names an HTTP server at the address`() async throws {
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(WebServer())
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(listener.localAddress?.port)
        try await withPool("redis://127.0.0.1:\(port)", mustConnect: false) { pool in
            try await eventually("the trouble") { pool.trouble?.kind == .notRedis }
            #expect(pool.trouble?.detail.contains("an HTTP server answers") == true)
        }
        try await listener.close()
    }

    @Test func `A Redis that has no room for another client is a trouble that is not permanent`() async throws {
        try await withLocalRedis(arguments: ["--maxclients", "1"]) { redis in
            try await withPool(redis.socketURL) { _ in
                try await withPool(redis.socketURL, mustConnect: false) { pool in
                    try await eventually("the trouble") { pool.trouble?.kind == .clients }
                    #expect(pool.trouble?.isPermanent == false)
                }
            }
        }
    }
}

/// Answers all input as an HTTP server does.
private final class WebServer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let answer = ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\n\r\n")
        context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
    }
}
