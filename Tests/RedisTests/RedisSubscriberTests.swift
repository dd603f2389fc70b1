// Rollcall · RedisTests

import LocalServices
import NIOCore
import Redis
import TestSupport
import Testing

@Suite("A subscriber on a real Redis")
struct RedisSubscriberTests {
    private var impatient: RedisOptions {
        var options = RedisOptions()
        options.commandTimeout = .seconds(2) * patience
        options.probeInterval = .milliseconds(50)
        options.probeTimeout = .seconds(2) * patience
        options.probePrefix = uniquePrefix()
        return options
    }

    private func publish(_ pool: RedisPool, _ channel: String, _ payload: String) async throws {
        _ = try await pool.connection().send(RedisCommand("PUBLISH", [.string(channel), .string(payload)]))
    }

    /// How many messages Redis has published.
    private func publications(_ pool: RedisPool) async throws -> Int {
        let info = try await pool.connection().send(RedisCommand("INFO", ["commandstats"])).string ?? ""
        return info.firstMatch(of: /cmdstat_publish:calls=(\d+)/).flatMap { Int($0.1) } ?? 0
    }

    @Test func `Messages that are published after the acknowledgement arrive, in order`() async throws {
        let url = try await SharedRedis.url
        let (one, two) = (uniquePrefix() + "one", uniquePrefix() + "ü two")
        try await withPool(url) { pool in
            try await RecordedSubscriber.with(url) { recorded in
                recorded.subscriber.subscribe(one)
                recorded.subscriber.subscribe(two)
                try await eventually("two acknowledgements") {
                    recorded.acknowledgements(of: one) == 1 && recorded.acknowledgements(of: two) == 1
                }
                let connection = try pool.connection()
                let numbers = 0..<1_000
                _ = try await connection.send(
                    numbers.map { RedisCommand("PUBLISH", [.string($0 % 2 == 0 ? one : two), .integer($0)]) })
                try await eventually("all messages") { recorded.messages.all.count == numbers.count }
                #expect(recorded.messages.all == numbers.map { "\($0 % 2 == 0 ? one : two) \($0)" })
                #expect(recorded.events.all.first == .connected)
            }
        }
    }

    @Test func `An unsubscribed channel gets no messages, and is acknowledged again when it is wanted again`()
        async throws
    {
        let url = try await SharedRedis.url
        let (gone, kept) = (uniquePrefix() + "gone", uniquePrefix() + "kept")
        try await withPool(url) { pool in
            try await RecordedSubscriber.with(url) { recorded in
                recorded.subscriber.subscribe(gone)
                recorded.subscriber.subscribe(kept)
                try await eventually { recorded.acknowledgements(of: kept) == 1 }
                recorded.subscriber.unsubscribe(gone)
                try await eventually("the server forgets the channel") {
                    let reply = try await pool.connection().send(RedisCommand("PUBSUB", ["NUMSUB", .string(gone)]))
                    return reply.elements?.last == .integer(0)
                }
                try await publish(pool, gone, "lost")
                try await publish(pool, kept, "found")
                try await eventually { !recorded.messages.all.isEmpty }
                #expect(recorded.messages.all == ["\(kept) found"])
                recorded.subscriber.subscribe(gone)
                try await eventually { recorded.acknowledgements(of: gone) == 2 }
            }
        }
    }

    @Test func `After a killed connection each wanted channel is subscribed and acknowledged again`() async throws {
        try await withLocalRedis { redis in
            try await withPool(redis.url) { pool in
                try await RecordedSubscriber.with(redis.url, probe: pool) { recorded in
                    for channel in ["a", "b", "c"] { recorded.subscriber.subscribe(channel) }
                    try await eventually {
                        ["a", "b", "c"].allSatisfy { recorded.acknowledgements(of: $0) == 1 }
                    }
                    recorded.subscriber.unsubscribe("b")
                    _ = try await pool.connection().send(RedisCommand("CLIENT", ["KILL", "TYPE", "pubsub"]))
                    try await eventually("new acknowledgements") {
                        recorded.acknowledgements(of: "a") == 2 && recorded.acknowledgements(of: "c") == 2
                    }
                    #expect(recorded.acknowledgements(of: "b") == 1)
                    #expect(recorded.events.all.count { $0 == .disconnected } == 1)
                    #expect(recorded.events.all.count { $0 == .connected } == 2)
                    try await publish(pool, "b", "no")
                    try await publish(pool, "a", "yes")
                    try await eventually { !recorded.messages.all.isEmpty }
                    #expect(recorded.messages.all == ["a yes"])
                }
            }
        }
    }

    /// The connection looks alive all the time: only the probe finds the fault.
    @Test func `A connection that gets no messages any more is replaced`() async throws {
        try await withLocalRedis(port: true) { redis in
            try await FaultyProxy.with(port: try #require(redis.port)) { proxy in
                try await withPool(redis.url) { pool in
                    let options = impatient
                    try await RecordedSubscriber.with(proxy.url, options: options, probe: pool) { recorded in
                        recorded.subscriber.subscribe("a")
                        try await eventually { recorded.acknowledgements(of: "a") == 1 }
                        // More probes than fit into the probe's time-out: a healthy connection is left alone.
                        let enough = Int(options.probeTimeout / options.probeInterval)
                        try await eventually("\(enough) probes") { try await publications(pool) > enough }
                        #expect(!recorded.events.all.contains(.disconnected))
                        proxy.stall()
                        try await eventually("a new connection") { recorded.acknowledgements(of: "a") == 2 }
                        #expect(recorded.log.all.contains { $0.contains("messages do not come any more") })
                        try await publish(pool, "a", "again")
                        try await eventually { recorded.messages.all == ["a again"] }
                    }
                }
            }
        }
    }

    @Test func `A Redis that hangs counts as a lost connection`() async throws {
        try await withLocalRedis { redis in
            try await withPool(redis.url, options: impatient) { pool in
                try await RecordedSubscriber.with(redis.url, options: impatient, probe: pool) { recorded in
                    recorded.subscriber.subscribe("a")
                    try await eventually { recorded.acknowledgements(of: "a") == 1 }
                    redis.pause()
                    defer { redis.resume() }
                    try await eventually("the loss") { recorded.events.all.last == .disconnected }
                    redis.resume()
                    try await eventually("the return") { recorded.acknowledgements(of: "a") == 2 }
                }
            }
        }
    }

    @Test func `A connection that gets no acknowledgement in time is replaced`() async throws {
        try await withLocalRedis(port: true) { redis in
            try await FaultyProxy.with(port: try #require(redis.port)) { proxy in
                try await RecordedSubscriber.with(proxy.url, options: impatient) { recorded in
                    recorded.subscriber.subscribe("a")
                    try await eventually { recorded.acknowledgements(of: "a") == 1 }
                    proxy.stall()
                    recorded.subscriber.subscribe("b")
                    try await eventually("a new connection") { recorded.acknowledgements(of: "b") == 1 }
                    #expect(recorded.log.all.contains { $0.contains("does not acknowledge") })
                }
            }
        }
    }

    @Test func `Thousands of channels are acknowledged, and again after a restart of the server`() async throws {
        try await withLocalRedis { redis in
            try await RecordedSubscriber.with(redis.url) { recorded in
                for number in 0..<5_000 { recorded.subscriber.subscribe("\(number)") }
                func acknowledged() -> Int {
                    recorded.events.all.count { if case .subscribed = $0 { true } else { false } }
                }
                try await eventually("all channels") { acknowledged() == 5_000 }
                try await redis.restart()
                try await eventually("all channels again") { acknowledged() == 10_000 }
            }
        }
    }
}
