// Rollcall · FaultTests

import Foundation
import RandomInput
import TestSupport
import Testing

/// Random operations with a known outcome, random faults, and clients that keep their presences through them.
///
/// The seed decides everything that a test can decide. The model is simple:
/// - A presence that is renewed is there and never left, and so is a session while one of its streams is open, or while
///   its Phoenix client joins again.
/// - Redis has the last acknowledged value, unless Redis lost its data or the answer is unknown.
/// - All streams, sockets, long polls, lists and Redis agree.
struct RandomRun {
    private let seed: UInt64
    private var random: SplitMix
    /// The presences over REST that the model knows: the number in the meta, or nil if absent.
    private var known: [String: Int?] = [:]
    private var faults: [RandomFault] = []
    /// The counts of the sessions on several streams.
    private var shared: (opened: Int, closed: Int, abandoned: Int) = (0, 0, 0)

    init(seed: UInt64) {
        self.seed = seed
        random = SplitMix(seed: seed)
    }

    /// Runs, and returns the faults and how often a session on several streams was closed beside another one.
    ///
    /// An error names the seed and the faults.
    static func run(seed: UInt64) async throws -> (faults: [RandomFault], closed: Int) {
        var run = RandomRun(seed: seed)
        do {
            try await FaultCluster.with(settings: ["ROLLCALL_GRACE": "10"]) { cluster in try await run.play(cluster) }
        } catch {
            throw NeverHappened(description: "seed \(seed), faults \(run.faults): \(error)")
        }
        return (run.faults, run.shared.closed)
    }

    private mutating func play(_ cluster: FaultCluster) async throws {
        let streams = try await cluster.streamClients(4)
        let backends = try await cluster.requestClients(4)
        let tabs = try await cluster.sharedTabs(3)
        let sockets = try await cluster.socketTabs(4)
        let polls = try await cluster.pollTabs(2)
        let restless = cluster.restlessWatcher()
        var hasLost = false
        for _ in 0..<3 {
            for _ in 0..<8 { try await operate(cluster) }
            guard let fault = RandomFault.allCases.randomElement(using: &random) else { continue }
            faults.append(fault)
            hasLost = hasLost || fault.losesState
            try await fault.strike(cluster, random: &random)
            // The model no longer knows which values Redis lost.
            if fault.losesState { known = [:] }
        }
        for _ in 0..<8 { try await operate(cluster) }

        try await eventually("a duplicated tab that is closed", timeout: .seconds(20)) {
            tabs.allSatisfy { $0.history.closed > 0 }
        }
        var keys = streams.map(\.key) + backends.map(\.key) + tabs.map(\.key) + sockets.map(\.key)
        let others = [restless.watcher] + sockets.map(\.watcher)
        try await cluster.expectPresent(keys, timeout: .seconds(30))
        try await cluster.expectOneTruth(and: others, timeout: .seconds(20))
        try await expectKnown(cluster)
        // A poll with a lost answer ends after 12 s, perhaps once at each node, and then its client joins again.
        try await cluster.expectPresent(polls.map(\.key), timeout: .seconds(60))
        try await cluster.expectOneTruth(and: polls.map(\.watcher), timeout: .seconds(60))
        // A poll that was passed on to a killed node waits for longer than a ttl.
        if !faults.contains(.killNode) { keys += polls.map(\.key) }
        for watcher in cluster.watchers + others + polls.map(\.watcher) {
            let gone = try watcher.leaves().filter { keys.contains($0.key) }
            #expect(gone.isEmpty, "seed \(seed), faults \(faults): \(watcher.name) saw \(gone)")
        }
        #expect(cluster.watchersAreOpen, "seed \(seed), faults \(faults)")
        for tab in sockets { try await tab.close() }
        for tab in polls { await tab.close() }
        await cluster.end(streams, backends, restless)
        for tab in tabs { await tab.close() }
        shared = tabs.reduce(into: (0, 0, 0)) { sum, tab in
            sum = (sum.0 + tab.history.opened, sum.1 + tab.history.closed, sum.2 + tab.history.abandoned)
        }
    }

    private mutating func operate(_ cluster: FaultCluster) async throws {
        let key = "model\(Int.random(in: 0..<6, using: &random))"
        let path = cluster.path(key)
        let client = cluster.clients[Int.random(in: 0..<cluster.clients.count, using: &random)]
        let number = Int.random(in: 0..<1_000_000, using: &random)
        let (method, body, next): (String, String?, Int?) =
            Bool.random(using: &random)
            ? ("PUT", #"{"ttl":120,"meta":{"n":\#(number)}}"#, number) : ("DELETE", nil, nil)
        let answer = try? await client.send(method, path, body, timeout: .seconds(5))
        switch answer?.status {
        case 200, 201, 204: known[key] = .some(next)
        // A write that was not answered, or answered with 503, may have happened or not.
        case nil, 503: known[key] = nil
        case let status?: Issue.record("seed \(seed): \(method) answered \(status) \(answer?.text ?? "")")
        }
    }

    private func expectKnown(_ cluster: FaultCluster) async throws {
        let roster = try await cluster.redisRoster()
        for (key, number) in known {
            let found = roster[ExactName(key)]?.first?["n"]
            let wanted = number.map { JSONValue.number(String($0)) }
            #expect(found == wanted, "seed \(seed), faults \(faults): \(key)")
        }
    }
}
