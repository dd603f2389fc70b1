// Rollcall · FaultTests

import TestSupport
import Testing

/// Helpers of the tests on lost data and moved clocks.
extension FaultCluster {
    /// The path of a presence that ``track(_:at:ttl:fileID:line:)`` made.
    func path(_ key: String) -> String { RollcallClient.path(topic: topic, "presences", key, "rest") }

    /// Gives a presence `times` new metas, each acknowledged; retries while a node refuses the update.
    func update(_ key: String, times: Int) async throws {
        for number in 0..<times {
            try await eventually("an update", timeout: .seconds(20)) {
                let answer = try await clients[number % clients.count].put(
                    path(key), #"{"meta":{"n":\#(Int.random(in: 0 ... .max))}}"#)
                return (200...201).contains(answer.status)
            }
        }
    }

    /// The position of the topic in a node's list.
    func position(at node: Int) async throws -> (epoch: String, seq: Int) {
        let answer = try await clients[node].get(RollcallClient.path(topic: topic, "presences"))
        let cursor = try #require(try answer.json["cursor"]?.string).split(separator: "-")
        return (String(cursor[0]), try #require(Int(cursor[1])))
    }

    /// A backend that will die, to check that a fault keeps no presence for ever.
    func mortalBackend() async throws -> RequestClient {
        let all = clients
        let backend = RequestClient(key: "mortal", topic: topic, clients: { all })
        try await expectPresent([backend.key])
        return backend
    }

    /// Waits until every node's list has `stale`.
    func expectStaleLists(fileID: String = #fileID, line: Int = #line) async throws {
        try await eventually("stale lists", fileID: fileID, line: line) {
            for client in clients {
                let answer = try await client.get(RollcallClient.path(topic: topic, "presences"))
                guard answer.status == 200, try answer.json["stale"] == .bool(true) else { return false }
            }
            return true
        }
    }

    func end(_ streams: [StreamClient], _ backends: [RequestClient] = [], _ restless: RestlessWatcher? = nil) async {
        for stream in streams { await stream.close() }
        for backend in backends { await backend.die() }
        await restless?.close()
    }
}
