// Rollcall · FaultTests

import LocalServices
import Presence
import PresenceStore
import TestSupport
import Testing

/// Talking to the cluster's Redis, past the proxies, and looking at nodes whose Redis suffers.
extension FaultCluster {
    /// Sends one command by `redis-cli` and returns what it prints; an error reply is thrown.
    @discardableResult
    func tell(_ command: String...) async throws -> String {
        let outcome = try await Command.run("redis-cli", ["-e", "-s", redis.socketPath] + command)
        guard outcome.code == 0 else {
            throw NeverHappened(description: "\(command): \(outcome.output)\(outcome.errors)")
        }
        return outcome.output.hasSuffix("\n") ? String(outcome.output.dropLast()) : outcome.output
    }

    /// A number of `INFO`.
    func redisInfo(_ name: String) async throws -> Int {
        let line = try await tell("INFO", "everything").split(whereSeparator: \.isNewline)
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

    /// Tracks a presence over REST for a minute, at one node.
    func track(
        _ key: String, at node: Int, ttl: Int = 60, status: ClosedRange<Int> = 201...201, fileID: String = #fileID,
        line: Int = #line
    ) async throws {
        let answer = try await clients[node].put(
            RollcallClient.path(topic: topic, "presences", key, "rest"), #"{"ttl":\#(ttl)}"#)
        guard status.contains(answer.status) else {
            throw NeverHappened(description: "\(fileID):\(line): \(key) tracked, but \(answer.status) \(answer.text)")
        }
    }

    /// A stream that is cut again and again, and comes back at any node.
    func restlessWatcher() -> RestlessWatcher {
        RestlessWatcher(topic: topic, clients: { self.clients })
    }

    /// No watcher was told that one of these keys left, and none was shown a state without it.
    func expectNobodyGone(_ keys: [String], and more: [Watcher] = []) throws {
        try expectNoLeaves(of: keys, and: more)
        for watcher in watchers + more {
            let gone = try watcher.vanished().intersection(keys)
            #expect(gone.isEmpty, "\(watcher.name) was shown that \(gone) are gone")
        }
    }

    /// Waits until every node answers a write with 503, at once or within the command time-out, and says when to try again.
    func expectRefusedWrites(fileID: String = #fileID, line: Int = #line) async throws {
        let path = RollcallClient.path(topic: topic, "presences", "refused", "s")
        for client in clients {
            let start = ContinuousClock.now
            let answer = try await client.send("PUT", path, #"{"ttl":5}"#, timeout: .seconds(10) * patience)
            let lasted = ContinuousClock.now - start
            guard answer.status == 503, answer.header("Retry-After").flatMap(Int.init) != nil,
                lasted < .seconds(4) * patience
            else {
                throw NeverHappened(
                    description: "\(fileID):\(line): 503 with Retry-After, but \(answer.status) \(answer.headers) "
                        + "\(answer.text) after \(lasted)")
            }
        }
    }

    /// Waits until every watcher was told, once, that Redis is away, and once that it is back.
    func expectOutageTold(fileID: String = #fileID, line: Int = #line) async throws {
        for name in ["degraded", "recovered"] {
            try await eventually("one \(name) at each watcher", fileID: fileID, line: line) {
                watchers.allSatisfy { $0.count(of: name) >= 1 }
            }
            for watcher in watchers where watcher.count(of: name) != 1 {
                throw NeverHappened(description: "\(fileID):\(line): one \(name) at \(watcher.name)")
            }
        }
    }
}
