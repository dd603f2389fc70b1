// Rollcall · FaultTests

import LocalServices
import Logging
import NIOPosix
@testable import PresenceModel
import PresenceStore
import PresenceText
import Redis
import Synchronization
import TestSupport
import Testing

/// Nodes on one Redis, each behind a proxy of its own, and a watcher at each of them.
///
/// Every fault test does the same: start it, add tabs and backends, break something, heal it, `expectOneTruth`, then
/// `expectNoLeaves(of:)`.
final class FaultCluster: Sendable {
    let redis: LocalRedis
    /// Between each node and Redis.
    let proxies: [FaultyProxy]
    let topic: String
    /// A stream at each node, opened before anything happened and never cut by its client.
    let watchers: [Watcher]
    private let streams: [WatchersStream]
    private let own: FaultyProxy
    private let store: PresenceStore
    private let settings: [String: String]
    private let running: Running

    /// The nodes that run now, or that ran last.
    var nodes: [RollcallProcess] { running.nodes.withLock { $0 } }

    var clients: [RollcallClient] { nodes.map(Self.client) }

    private static func client(of node: RollcallProcess) -> RollcallClient {
        RollcallClient(node.url, fields: FaultAccess.backend)
    }

    /// Starts everything, runs `body`, and ends everything; an error has the logs of the nodes.
    static func with(
        nodes count: Int = 2, redis arguments: [String] = [], settings: [String: String] = [:],
        _ body: (FaultCluster) async throws -> Void
    ) async throws {
        try await withLocalRedis(port: true, arguments: arguments) { redis in
            try await with(nodes: count, on: redis, settings: settings, body)
        }
    }

    static func with(
        nodes count: Int = 2, on redis: LocalRedis, settings: [String: String] = [:],
        _ body: (FaultCluster) async throws -> Void
    ) async throws {
        // The last proxy is for the cluster itself, which must also reach another Redis after `lead(to:)`.
        try await withProxies(count + 1, port: try #require(redis.port)) { [count] all in
            let (proxies, own) = (Array(all[..<count]), all[count])
            let running = Running()
            do {
                for (number, proxy) in proxies.enumerated() {
                    let node = try await serve(number, behind: proxy, settings)
                    running.nodes.withLock { $0.append(node) }
                }
                try await run(redis, running, proxies, own, settings, body)
                for node in running.nodes.withLock({ $0 }) { await node.terminate() }
            } catch {
                let nodes = running.nodes.withLock { $0 }
                let log = nodes.map { $0.process.log.ending(25) }.joined(separator: "\n--- next node\n")
                for node in nodes { await node.kill() }
                throw NodeTestFailure(error: error, log: log)
            }
        }
    }

    private static func serve(
        _ number: Int, behind proxy: FaultyProxy, _ settings: [String: String]
    ) async throws -> RollcallProcess {
        // A node that starts again has the same port, which no outgoing connection may take meanwhile.
        let own = [
            "ROLLCALL_NODE_ID": "node\(number)", "ROLLCALL_DEFAULT_TTL": "5",
            "ROLLCALL_PORT": "\(try LocalSocket.freePort())",
        ]
        return try await RollcallProcess.serve(
            redis: proxy.url,
            environment: own.merging(FaultAccess.settings) { $1 }.merging(settings) { _, given in given })
    }

    private static func run(
        _ redis: LocalRedis, _ running: Running, _ proxies: [FaultyProxy], _ own: FaultyProxy,
        _ settings: [String: String],
        _ body: (FaultCluster) async throws -> Void
    ) async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        var options = RedisOptions()
        options.scripts = PresenceStore.scripts
        let pool = RedisPool(
            url: try RedisURL(own.url), options: options,
            eventLoopGroup: .singletonMultiThreadedEventLoopGroup, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await pool.run() }
            let topic = "room:\(String(UInt32.random(in: 0 ... .max), radix: 36))"
            var streams: [WatchersStream] = []
            for node in running.nodes.withLock({ $0 }) {
                let path = RollcallClient.path(topic: topic, "events")
                let stream = try await client(of: node).events(path)
                _ = try await stream.next("presence_state")
                streams.append(WatchersStream(stream, path: path))
            }
            let cluster = FaultCluster(
                redis: redis, running: running, proxies: proxies, own: own, topic: topic, streams: streams,
                store: PresenceStore(pool: pool, keys: StoreKeys()), settings: settings)
            try await body(cluster)
            for stream in streams { await stream.close() }
            group.cancelAll()
        }
    }

    private init(
        redis: LocalRedis, running: Running, proxies: [FaultyProxy], own: FaultyProxy, topic: String,
        streams: [WatchersStream], store: PresenceStore, settings: [String: String]
    ) {
        (self.redis, self.running, self.topic) = (redis, running, topic)
        (self.proxies, self.own) = (proxies, own)
        (self.streams, self.store, self.settings) = (streams, store, settings)
        watchers = streams.enumerated().map { number, stream in
            Watcher(name: "watcher of node \(number)") { stream.events }
        }
    }

    /// Whether the watchers' streams are still those that were opened first, or reopened by ``restart(_:)``.
    var watchersAreOpen: Bool { streams.allSatisfy(\.isOpen) }

    /// Restarts a node that has ended, at the same port, and resumes its watcher by its cursor.
    func restart(_ number: Int) async throws {
        let port = try #require(clients[number].baseURL.split(separator: ":").last)
        let node = try await Self.serve(
            number, behind: proxies[number],
            settings.merging(["ROLLCALL_PORT": String(port)]) { _, given in given })
        running.nodes.withLock { $0[number] = node }
        try await streams[number].resume(on: Self.client(of: node))
    }

    /// Leads all proxies to another server, as a failover of the address does.
    func lead(to server: LocalRedis) throws {
        for proxy in proxies + [own] { proxy.lead(to: try #require(server.port)) }
    }

    // MARK: Tabs and backends

    /// Presences by open streams, spread over the nodes that `clients` gives.
    func streamClients(
        _ count: Int, clients: (@Sendable () -> [RollcallClient])? = nil
    ) async throws -> [StreamClient] {
        let all = self.clients
        let tabs = (0..<count).map { number in
            StreamClient(key: "tab\(number)", topic: topic, clients: clients ?? { all })
        }
        try await expectPresent(tabs.map(\.key))
        return tabs
    }

    /// Presences by heartbeats.
    func requestClients(
        _ count: Int, ttl: Int = 5, clients: (@Sendable () -> [RollcallClient])? = nil
    ) async throws -> [RequestClient] {
        let all = self.clients
        let backends = (0..<count).map { number in
            RequestClient(key: "backend\(number)", topic: topic, ttl: ttl, clients: clients ?? { all })
        }
        try await expectPresent(backends.map(\.key))
        return backends
    }

    /// Waits until every watcher sees all of these keys.
    func expectPresent(_ keys: [String], timeout: Duration = .seconds(20)) async throws {
        try await eventually("\(keys.count) keys at all watchers", timeout: timeout) {
            try watchers.allSatisfy { watcher in
                let roster = try watcher.roster()
                return keys.allSatisfy { roster[ExactName($0)] != nil }
            }
        }
    }

    // MARK: Expectations

    /// Waits until every stream folds to the roster in Redis, and every node's list shows the same.
    func expectOneTruth(
        and more: [Watcher] = [], timeout: Duration = .seconds(10), fileID: String = #fileID, line: Int = #line
    ) async throws {
        var last = "nothing compared"
        try await eventually("one truth; \(last)", timeout: timeout, fileID: fileID, line: line) {
            guard let truth = try? await redisRoster() else {
                last = "Redis does not answer"
                return false
            }
            for watcher in watchers + more where try watcher.roster() != truth {
                last = "\(watcher.name) has \(try watcher.roster())\nRedis \(truth)"
                return false
            }
            for client in clients {
                let answer = try? await client.get(RollcallClient.path(topic: topic, "presences"))
                guard let answer, answer.status == 200, try answer.json["stale"] == nil,
                    let presences = try answer.json["presences"],
                    try FoldedPresence(of: presences).roster.mapValues(Roster.unlinked) == truth
                else {
                    last = "\(client.baseURL) lists \(answer?.text ?? "nothing")\nRedis has \(truth)"
                    return false
                }
            }
            return true
        }
    }

    /// Expects that no watcher ever saw one of these keys leave.
    func expectNoLeaves(of keys: [String], and more: [Watcher] = [], sourceLocation: SourceLocation = #_sourceLocation)
        throws
    {
        for watcher in watchers + more {
            let false_ = try watcher.leaves().filter { keys.contains($0.key) }
            #expect(false_.isEmpty, "\(watcher.name) saw \(false_)", sourceLocation: sourceLocation)
        }
    }

    /// Waits until each of these keys has left exactly once, with this reason, at every watcher or at those given.
    func expectLeaves(
        of keys: [String], because reason: String, within timeout: Duration, at watchers: [Watcher]? = nil,
        fileID: String = #fileID, line: Int = #line
    ) async throws {
        let watchers = watchers ?? self.watchers
        let wanted = keys.sorted()
        var last = "nothing"
        try await eventually("the leaves, but \(last)", timeout: timeout, fileID: fileID, line: line) {
            for watcher in watchers {
                let seen = try watcher.leaves().filter { keys.contains($0.key) }
                if seen.map(\.key).sorted() != wanted || seen.contains(where: { $0.reason != reason }) {
                    last = "\(watcher.name) saw \(seen)"
                    return false
                }
            }
            return true
        }
    }

    private final class Running: Sendable {
        let nodes = Mutex<[RollcallProcess]>([])
    }

    /// The roster of the topic in Redis itself.
    func redisRoster() async throws -> [ExactName: Set<JSONValue>] {
        let snapshot = try await store.snapshot(of: try Topic(topic))
        var roster: [ExactName: Set<JSONValue>] = [:]
        for (member, stored) in snapshot.presences {
            var bytes: [UInt8] = []
            stored.presence.write(previous: stored.presence.previous, to: &bytes)
            roster[ExactName(member.key.text), default: []].insert(try JSONValue(parsing: bytes))
        }
        return roster.mapValues(Roster.unlinked)
    }
}

private func withProxies(
    _ count: Int, port: Int, before: [FaultyProxy] = [], _ body: ([FaultyProxy]) async throws -> Void
) async throws {
    if before.count == count { return try await body(before) }
    try await FaultyProxy.with(port: port) { proxy in
        try await withProxies(count, port: port, before: before + [proxy], body)
    }
}
