// Rollcall · FaultTests

import Synchronization
import TestSupport

/// A backend that keeps a presence by heartbeats every third of its ttl, and tracks it again after 404.
///
/// It retries a refused request until it succeeds. While it runs, no stream may show a leave of its key.
final class RequestClient: Sendable {
    let key: String
    private let task: Task<Void, Never>

    init(key: String, topic: String, ttl: Int = 5, clients: @escaping @Sendable () -> [RollcallClient]) {
        self.key = key
        let path = RollcallClient.path(topic: topic, "presences", key, "backend")
        let box = Counter()
        counter = box
        task = Task {
            while !Task.isCancelled {
                guard let client = clients().randomElement() else { continue }
                let answer = try? await client.send("POST", path + "/heartbeat", nil, timeout: .seconds(3))
                switch answer?.status {
                case 200:
                    box.renewals.add(1, ordering: .relaxed)
                    try? await Task.sleep(for: .milliseconds(ttl * 1000 / 3))
                case 404:
                    let body = #"{"ttl":\#(ttl),"meta":{"by":"backend"}}"#
                    let track = try? await client.send("PUT", path, body, timeout: .seconds(3))
                    if track?.status == 201 { box.tracks.add(1, ordering: .relaxed) }
                    try? await Task.sleep(for: .milliseconds(50))
                default:
                    try? await Task.sleep(for: .milliseconds(.random(in: 50...200)))
                }
            }
        }
    }

    private let counter: Counter

    private final class Counter: Sendable {
        let renewals = Atomic(0)
        let tracks = Atomic(0)
    }

    /// How often it was tracked: once, and once more each time it was gone.
    var tracks: Int { counter.tracks.load(ordering: .relaxed) }
    var renewals: Int { counter.renewals.load(ordering: .relaxed) }

    /// Stops the heartbeats, without untracking.
    func die() async {
        task.cancel()
        await task.value
    }
}
