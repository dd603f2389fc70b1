// Rollcall · PresenceServerTests

import Access
import AsyncHTTPClient
import HTTPTypes
import Hummingbird
import Logging
import Metrics
import NIOCore
import NIOHTTP1
import NIOPosix
import PresenceModel
import PresenceFeed
import PresenceServer
import PresenceStore
import Redis
import ServiceLifecycle

import TestSupport

/// A running server on loopback, with a key prefix of its own in Redis.
struct TestServer: Sendable {
    let port: Int
    let store: PresenceStore
    let pool: RedisPool
    let exporter: PrometheusExporter
    let routes: [Route]
    /// Reads what is revoked when a test or a request asks for it, and not by itself.
    let revocations: RevocationKeeper
    fileprivate let prefix: String

    /// Sends a request and reads the whole answer.
    func send(
        _ method: HTTPRequest.Method, _ path: String, _ body: String? = nil, type: String? = nil,
        headers: [(String, String)] = []
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(self.port)\(path)")
        request.method = .RAW(value: method.rawValue)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let type { request.headers.replaceOrAdd(name: "Content-Type", value: type) }
        if let body { request.body = .bytes(ByteBuffer(string: body)) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(120))
        let bytes = try await response.body.collect(upTo: 64 << 20)
        return Answer(
            status: Int(response.status.code), headers: response.headers, bytes: Array(bytes.readableBytesView))
    }

    /// Sends raw bytes, and reads until the server closes.
    func sendRaw(_ text: String) async throws -> String {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: self.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: text))
            var answer = ""
            for try await part in inbound { answer += String(buffer: part) }
            return answer
        }
    }

    /// Replaces the text of a stored presence, as an older version may have written it.
    func rewrite(_ member: Member, on topic: Topic, _ change: (String) -> String) async throws {
        let connection = try self.pool.connection()
        let keys = try await connection.send(RedisCommand("KEYS", [.string("\(self.prefix)*:h:\(topic)")]))
        let key = RedisArgument.string(keys.elements?.first?.string ?? "")
        let stored = try await connection.send(RedisCommand("HGET", [key, .bytes(member.bytes)]))
        _ = try await connection.send(
            RedisCommand("HSET", [key, .bytes(member.bytes), .string(change(stored.string ?? ""))]))
    }

    /// All keys and values of this server in Redis as one text, without nodes and clocks.
    func redisContents() async throws -> String {
        let connection = try self.pool.connection()
        let keys = try await connection.send(RedisCommand("KEYS", [.string("\(self.prefix)*")]))
        var lines: [String] = []
        for key in (keys.elements ?? []).compactMap(\.string) where !key.hasSuffix(":nodes") && !key.hasSuffix(":clk") {
            let dump = try await connection.send(RedisCommand("DUMP", [.string(key)]))
            lines.append("\(key) \(dump)")
        }
        return lines.sorted().joined(separator: "\n")
    }
}

/// An answer of the server.
struct Answer: Sendable {
    let status: Int
    let headers: HTTPHeaders
    let bytes: [UInt8]

    var text: String { String(decoding: self.bytes, as: UTF8.self) }
    var json: JSONValue { get throws { try JSONValue(parsing: self.bytes) } }

    func header(_ name: String) -> String? { self.headers.first(name: name) }

    /// The places that the problem's errors name: pointers, parameters and headers.
    var places: [String] {
        get throws {
            try (self.json["errors"]?.array ?? []).compactMap {
                ($0["pointer"] ?? $0["parameter"] ?? $0["header"])?.string
            }
        }
    }
}

/// Runs a server while `body` runs, on the shared Redis unless `url` names another.
///
/// - Parameter isForOperators: Whether it has the routes of the port for operators.
func withServer<Result: Sendable>(
    redis url: String? = nil, isReachable: Bool = true, options: ServerOptions = ServerOptions(),
    live: @escaping @Sendable (Topic) async -> LiveRoster? = { _ in nil }, enricher: EnrichmentSource = .none,
    hookFault: String? = nil, credentials: Credentials = .open, origins: OriginPolicy = OriginPolicy(),
    times: ConnectionTimes = ConnectionTimes(), bodyBudget: Int = 64 << 20,
    queueBudget: QueueBudget? = nil, tls: ServerTLS? = nil, limits: LimitOptions? = nil, maximumConnections: Int? = nil,
    isForOperators: Bool = false,
    isDraining: @escaping @Sendable () -> Bool = { false },
    _ body: @Sendable (TestServer) async throws -> Result
) async throws -> Result {
    let sharedURL = try await SharedRedis.url
    let group = MultiThreadedEventLoopGroup.singleton
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let prefix = uniquePrefix()
    var redisOptions = RedisOptions()
    redisOptions.scripts = PresenceStore.scripts
    redisOptions.commandTimeout = giveUpTime
    redisOptions.connectTimeout = giveUpTime
    let keys = StoreKeys(prefix: prefix)
    redisOptions.admission = try PresenceStore.admission(keys)
    redisOptions.urlName = "ROLLCALL_REDIS_URL"
    let pool = RedisPool(
        url: try RedisURL(url ?? sharedURL), options: redisOptions, eventLoopGroup: group, logger: logger)
    let store = PresenceStore(pool: pool, keys: keys, limits: options.limits)
    let exporter = PrometheusExporter()
    let streams = StreamHandlers(
        topicEvents: { _, context in
            OpenedStream(headers: [.eTag: try context.parameters.topic().text], first: ByteBuffer()) { _, _, _ in }
        },
        manyTopicEvents: { _, context in
            OpenedStream(headers: [.eTag: context.query.all("topic").joined(separator: ",")], first: ByteBuffer()) {
                _, _, _ in
            }
        },
        ticketEvents: { _, context in
            OpenedStream(headers: [.eTag: try context.query.one("ticket") ?? ""], first: ByteBuffer()) { _, _, _ in }
        })
    let revocations = RevocationKeeper(store: store, credentials: credentials, logger: logger)
    let checks: @Sendable () async -> [HealthCheck] = {
        await HealthCheck.redis(store) + [
            HealthCheck("draining", fault: isDraining() ? "shutting down" : nil),
            HealthCheck("fetch_hook", fault: hookFault, isVital: false),
        ]
    }
    let table =
        isForOperators
        ? RouteTable.operators(
            store: store, revocations: revocations, options: options, checks: checks, metrics: exporter)
        : RouteTable.rollcall(
            PresenceBackend(store: store, live: live, enricher: enricher, queueBudget: queueBudget),
            revocations: revocations, streams: streams, sockets: .unused, options: options, checks: checks,
            metrics: exporter)

    let (ports, running) = AsyncStream.makeStream(of: Int.self)
    var listening = HTTPServer.Options(address: .hostname("127.0.0.1", port: 0))
    listening.times = times
    listening.bodyBudget = bodyBudget
    listening.tls = tls
    listening.maximumConnections = maximumConnections
    if let limits { listening.limits = limits }
    let application = HTTPServer.application(
        RollcallResponder(
            table: table, credentials: credentials, origins: origins,
            limits: limits.map { RequestLimits($0, logger: logger) }, queueBudget: queueBudget),
        options: listening, eventLoopGroup: group, logger: logger
    ) { channel in
        running.yield(channel.localAddress?.port ?? 0)
        running.finish()
    }
    let services = ServiceGroup(
        configuration: .init(services: [pool, application], gracefulShutdownSignals: [], logger: logger))
    return try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await services.run() }
        var iterator = ports.makeAsyncIterator()
        guard let port = await iterator.next() else { throw NoPort() }
        if isReachable {
            guard await pool.waitUntilConnected(timeout: giveUpTime * patience) else {
                throw NeverHappened(description: "a connection to Redis")
            }
            do {
                try await store.prepare()
            } catch let error as StoreError where error.code == .refused {
                // The test may be about a Redis that lacks a right.
            }
        }
        let server = TestServer(
            port: port, store: store, pool: pool, exporter: exporter, routes: table.routes, revocations: revocations,
            prefix: prefix)
        let result: Result
        do {
            result = try await body(server)
        } catch {
            await services.triggerGracefulShutdown()
            throw error
        }
        await services.triggerGracefulShutdown()
        try await tasks.waitForAll()
        return result
    }
}

private struct NoPort: Error {}
