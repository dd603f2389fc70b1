// Rollcall · FaultTests

import LocalServices
import PresenceModel
import PresenceStore
import TestSupport
import Testing

/// Commands to the cluster's Redis, past the proxies, and checks of nodes while their Redis fails.
extension FaultCluster {
    /// Sends one command by `redis-cli` and returns what it prints; an error reply is thrown.
    @discardableResult
    func sendToRedis(_ command: String...) async throws -> String {
        let outcome = try await Command.run("redis-cli", ["-e", "-s", redis.socketPath] + command)
        guard outcome.code == 0 else {
            throw NeverHappened(description: "\(command): \(outcome.output)\(outcome.errors)")
        }
        return outcome.output.hasSuffix("\n") ? String(outcome.output.dropLast()) : outcome.output
    }

    /// A number of `INFO`.
    func redisInfo(_ name: String) async throws -> Int {
        let line = try await sendToRedis("INFO", "everything").split(whereSeparator: \.isNewline)
            .first { $0.hasPrefix("\(name):") }
        guard let line, let number = Int(line.dropFirst(name.count + 1)) else {
            throw NeverHappened(description: "INFO has no number \(name)")
        }
        return number
    }

    /// What the keys of the topic's bucket begin with: `rc:{51}:`.
    var bucketPrefix: String {
        get throws { "\(StoreKeys().prefix){\(StoreKeys.bucket(of: try Topic(topic)))}:" }
    }

    /// One of the topic's keys: `h`, `m`, `z` or `g`.
    func key(_ kind: String) throws -> String { try bucketPrefix + "\(kind):\(topic)" }

    /// Tracks a presence over REST, at one node; retries after 503.
    func track(
        _ key: String, at node: Int, ttl: Int = 60, fileID: String = #fileID, line: Int = #line
    ) async throws {
        let path = RollcallClient.path(topic: topic, "presences", key, "rest")
        try await eventually("a track", fileID: fileID, line: line) {
            let status = try await clients[node].put(path, #"{"ttl":\#(ttl)}"#).status
            guard status != 503 else { return false }
            guard 200...201 ~= status else { throw NeverHappened(description: "\(fileID):\(line): \(key): \(status)") }
            return true
        }
    }

    /// A stream that is cut again and again, and resumes at any node.
    func restlessWatcher() -> RestlessWatcher {
        RestlessWatcher(topic: topic, clients: { self.clients })
    }

    /// Expects that no watcher got a leave of one of these keys, or a state without it.
    func expectNeverGone(_ keys: [String], and more: [Watcher] = []) throws {
        try expectNoLeaves(of: keys, and: more)
        for watcher in watchers + more {
            let gone = try watcher.vanished().intersection(keys)
            #expect(gone.isEmpty, "\(watcher.name) saw that \(gone) are gone")
        }
    }

    /// Expects that every node answers a write with 503 and `Retry-After`, at once or within the command time-out.
    func expectRefusedWrites(fileID: String = #fileID, line: Int = #line) async throws {
        let path = RollcallClient.path(topic: topic, "presences", "refused", "s")
        for client in clients {
            let start = ContinuousClock.now
            let answer = try await client.send("PUT", path, #"{"ttl":5}"#, timeout: .seconds(10) * patience)
            let lasted = ContinuousClock.now - start
            guard answer.status == 503, answer.header("Retry-After").flatMap(Int.init) != nil,
                lasted < .seconds(5) * patience
            else {
                throw NeverHappened(
                    description: "\(fileID):\(line): 503 with Retry-After, but \(answer.status) \(answer.headers) "
                        + "\(answer.text) after \(lasted)")
            }
        }
    }

    /// The `degraded` events of each watcher: on a busy machine the start may cause one.
    var outages: [Int] { watchers.map { $0.count(of: "degraded") } }

    /// Waits until every watcher got one `degraded` and one `recovered` more.
    func expectOneOutage(since before: [Int]? = nil, fileID: String = #fileID, line: Int = #line) async throws {
        let before = before ?? watchers.map { _ in 0 }
        let after = before.map { $0 + 1 }
        try await eventually("one outage more than \(before), but \(outages)", fileID: fileID, line: line) {
            outages == after && watchers.map { $0.count(of: "recovered") } == after
        }
    }

    /// Waits until `/readyz` of every node has this status, and a text that contains `detail`.
    func expectReadiness(_ status: Int, because detail: String = "", fileID: String = #fileID, line: Int = #line)
        async throws
    {
        try await eventually("readiness \(status) \(detail)", fileID: fileID, line: line) {
            for client in clients {
                let answer = try await client.get("/readyz")
                guard answer.status == status, answer.text.contains(detail) || detail.isEmpty else { return false }
            }
            return true
        }
    }
}
