// Rollcall · PresenceStoreTests

import Logging
import NIOCore
import NIOPosix
import PresenceModel
import Redis
import Synchronization
import TestSupport

@testable import PresenceStore

/// A store with its own prefix on a real Redis, with direct access to that Redis.
struct StoreUnderTest: Sendable {
    let store: PresenceStore
    let pool: RedisPool
    let url: RedisURL

    /// Sends a command of the test's own.
    @discardableResult
    func redis(_ name: String, _ arguments: RedisArgument...) async throws -> RedisValue {
        try await pool.connection().send(RedisCommand(name, arguments))
    }

    /// Redis's clock, in milliseconds.
    func now() async throws -> Int {
        let time = try await redis("TIME").elements?.compactMap(\.int) ?? []
        return time[0] * 1000 + time[1] / 1000
    }

    func lease(of member: Member, on topic: Topic) async throws -> Int? {
        try await redis("ZSCORE", keys(topic).leases, .bytes(member.bytes)).int
    }

    /// Moves a lease and lowers the topic's bound, as if time had passed and the bucket had been ticked.
    func setLease(of member: Member, on topic: Topic, at deadline: Int) async throws {
        try await clock.begin(topic)
        try await redis("ZADD", keys(topic).leases, .integer(deadline), .bytes(member.bytes))
        try await redis("ZADD", keys(topic).due, "LT", .integer(deadline), keys(topic).topic)
    }

    func due(_ topic: Topic) async throws -> Int? {
        try await redis("ZSCORE", keys(topic).due, keys(topic).topic).int
    }

    /// The stored value, as text.
    func value(of member: Member, on topic: Topic) async throws -> String? {
        try await redis("HGET", keys(topic).members, .bytes(member.bytes)).string
    }

    /// The open streams that hold a shared member, with the time of each.
    func holders(of member: Member, on topic: Topic) async throws -> [String: Int] {
        let field = try await redis("HGET", keys(topic).holders, .bytes(member.bytes)).string ?? ""
        let entries = field.split(separator: " ").map { $0.split(separator: ":") }
        return Dictionary(uniqueKeysWithValues: entries.map { (String($0[0]), Int($0[1]) ?? 0) })
    }

    /// Sets the time of each holder of a shared member.
    func setHolders(of member: Member, on topic: Topic, _ times: [(StreamOwner, Int)]) async throws {
        let field = times.map { "\($0):\($1)" }.joined(separator: " ")
        try await redis("HSET", keys(topic).holders, .bytes(member.bytes), .string(field))
    }

    /// Makes the topic look as if another server had written it.
    func forgetServer(of topic: Topic) async throws {
        try await redis("HSET", keys(topic).position, "r", "another")
    }

    /// Deletes all presences of the topic, as a loss of writes does.
    func lose(_ topic: Topic) async throws {
        let keys = keys(topic)
        try await redis("DEL", keys.position, keys.members, keys.leases, keys.holders)
        try await redis("ZREM", keys.due, keys.topic)
    }

    /// All existing keys of this test, without their prefix.
    func allKeys() async throws -> [String] {
        let keys = try await redis("KEYS", .string(store.keys.prefix + "*")).elements ?? []
        return keys.compactMap { $0.string?.dropFirst(store.keys.prefix.count) }.map { String($0) }.sorted()
    }

    /// The key that an untrack leaves in the topic's bucket, without its prefix.
    func untrackedKey(_ topic: Topic) -> String { "{\(StoreKeys.bucket(of: topic))}:g" }

    /// The entry of a member in that key.
    func claim(_ member: Member, on topic: Topic, owner: StreamOwner? = nil) -> String {
        "\(topic.text)\u{1f}\(member.text)\u{1f}\(owner?.text ?? "")"
    }

    func keys(_ topic: Topic) -> TopicKeys { store.keys.topic(topic) }

    var clock: StoreClock { StoreClock(test: self) }

    /// Runs `body` with a log of the messages that are published on a topic.
    func withMessages(on topic: Topic, _ body: (MessageLog) async throws -> Void) async throws {
        try await withMessages(onChannel: store.keys.channel(of: topic), body)
    }

    /// Runs `body` with a log of the messages that are published on a channel.
    func withMessages(onChannel channel: String, _ body: (MessageLog) async throws -> Void) async throws {
        let log = MessageLog(test: self, channel: channel)
        let subscriber = RedisSubscriber(
            url: url, options: RedisOptions(), eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: .quiet,
            probe: nil, onMessage: { _, payload in log.append(String(buffer: payload)) },
            onEvent: { if case .subscribed = $0 { log.begin() } })
        let running = Task { try await subscriber.run() }
        subscriber.subscribe(log.channel)
        do {
            try await eventually("the subscription") { log.hasBegun }
            try await body(log)
        } catch {
            running.cancel()
            throw error
        }
        running.cancel()
        try? await running.value
    }
}

/// The messages of a channel, in the order of the wire.
final class MessageLog: Sendable {
    let channel: String
    private let test: StoreUnderTest
    private let state = Mutex<(hasBegun: Bool, messages: [String])>((false, []))

    init(test: StoreUnderTest, channel: String) {
        self.test = test
        self.channel = channel
    }

    var hasBegun: Bool { state.withLock { $0.hasBegun } }

    func begin() { state.withLock { $0.hasBegun = true } }

    func append(_ message: String) { state.withLock { $0.messages.append(message) } }

    /// Returns the messages since the last call; publishes a last one and awaits it, so that none is missing.
    func take() async throws -> [String] {
        let end = "end \(UInt64.random(in: .min ... .max))"
        try await test.redis("PUBLISH", .string(channel), .string(end))
        try await eventually("the last message") { self.state.withLock { $0.messages.last == end } }
        return state.withLock { state in
            defer { state.messages = [] }
            return state.messages.dropLast()
        }
    }

    /// Returns the messages of ``take()`` without format, epoch and seq.
    func takeRecords() async throws -> [String] {
        try await take().map { message in
            message.split(separator: ":", maxSplits: 3, omittingEmptySubsequences: false).last.map { String($0) } ?? ""
        }
    }
}

/// Runs `body` with a store that has its own prefix, on the shared Redis or the one at `url`.
///
/// - Parameters:
///   - isPatient: Whether the pool waits for a slow Redis; false for tests of time-outs.
///   - checkInterval: How often the pool checks the rights of its user.
func withStore(
    url: String? = nil, limits: Limits = Limits(), isPatient: Bool = true, checkInterval: Duration = .seconds(1),
    _ body: (StoreUnderTest) async throws -> Void
) async throws {
    let address: String
    if let url { address = url } else { address = try await SharedRedis.url }
    let url = try RedisURL(address)
    var options = RedisOptions()
    options.scripts = PresenceStore.scripts
    if isPatient {
        options.commandTimeout = giveUpTime
        options.connectTimeout = giveUpTime
    }
    let keys = StoreKeys(prefix: uniquePrefix(), database: url.database)
    options.admission = try PresenceStore.admission(keys)
    options.admissionInterval = checkInterval
    let pool = RedisPool(
        url: url, options: options, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: .quiet)
    let running = Task { try await pool.run() }
    do {
        try await eventually("a connection") { (try? pool.connection()) != nil }
        let store = PresenceStore(pool: pool, keys: keys, limits: limits)
        try await body(StoreUnderTest(store: store, pool: pool, url: url))
    } catch {
        running.cancel()
        throw error
    }
    running.cancel()
    try await running.value
}

extension Logger {
    static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}
