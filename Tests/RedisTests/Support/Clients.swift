// Rollcall · RedisTests

import NIOCore
import NIOPosix
import Redis
import TestSupport

extension RedisOptions {
    /// Time-outs that are longer than any pause of the machine.
    static var patient: RedisOptions {
        var options = RedisOptions()
        options.commandTimeout = giveUpTime
        options.connectTimeout = giveUpTime
        options.probeTimeout = giveUpTime
        return options
    }
}

/// Runs a pool for the time of `body`, which begins when a connection is up.
func withPool(
    _ url: String, options: RedisOptions = .patient, log: Recorder<String> = Recorder(),
    onChange: @escaping @Sendable (PoolEvent) -> Void = { _ in }, mustConnect: Bool = true,
    _ body: (RedisPool) async throws -> Void
) async throws {
    let pool = RedisPool(
        url: try RedisURL(url), options: options, eventLoopGroup: .singletonMultiThreadedEventLoopGroup,
        logger: log.logger)
    pool.observe(onChange)
    try await withThrowingTaskGroup { group in
        group.addTask { try await pool.run() }
        defer { group.cancelAll() }
        if mustConnect, await !pool.waitUntilConnected(timeout: giveUpTime * patience) {
            throw NeverHappened(description: "a connection: \(log.all)")
        }
        try await body(pool)
    }
}

/// A subscriber for the time of a test, and a record of its events, messages and log lines.
struct RecordedSubscriber {
    let subscriber: RedisSubscriber
    let events: Recorder<SubscriberEvent>
    /// `channel payload`.
    let messages: Recorder<String>
    let log: Recorder<String>

    static func with(
        _ url: String, options: RedisOptions = .patient, probe: RedisPool? = nil,
        _ body: (RecordedSubscriber) async throws -> Void
    ) async throws {
        let events = Recorder<SubscriberEvent>()
        let messages = Recorder<String>()
        let log = Recorder<String>()
        let subscriber = RedisSubscriber(
            url: try RedisURL(url), options: options, eventLoopGroup: .singletonMultiThreadedEventLoopGroup,
            logger: log.logger, probe: probe,
            onMessage: { messages.record("\(String(buffer: $0)) \(String(buffer: $1))") },
            onEvent: { events.record($0) })
        try await withThrowingTaskGroup { group in
            group.addTask { try await subscriber.run() }
            defer { group.cancelAll() }
            try await body(RecordedSubscriber(subscriber: subscriber, events: events, messages: messages, log: log))
        }
    }

    /// How often Redis acknowledged the channel.
    func acknowledgements(of channel: String) -> Int {
        events.all.count { $0 == .subscribed(channel: .init(string: channel)) }
    }
}

extension RedisConnection {
    func outcome(of command: RedisCommand) async -> Result<RedisValue, RedisError> {
        do throws(RedisError) {
            return .success(try await send(command))
        } catch {
            return .failure(error)
        }
    }
}
