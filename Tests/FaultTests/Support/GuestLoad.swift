// Rollcall · FaultTests

import Synchronization
import TestSupport

/// Backends that track, change and untrack guests without a pause, and record each wrong answer.
final class GuestLoad: Sendable {
    private final class Tally: Sendable {
        let done = Atomic(0)
        let refusals = Mutex<[String]>([])
    }

    private let tally: Tally
    private let task: Task<Void, Never>

    init(topic: String, width: Int = 4, clients: [RollcallClient]) {
        let tally = Tally()
        self.tally = tally
        task = Task {
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<width {
                    group.addTask {
                        while !Task.isCancelled {
                            await Self.visit("guest\(number)", topic, clients, tally)
                        }
                    }
                }
            }
        }
    }

    /// How many requests were answered.
    var count: Int { tally.done.load(ordering: .relaxed) }
    /// The wrong answers.
    var refusals: [String] { tally.refusals.withLock { $0 } }

    /// Untracks all guests, and ends.
    func end() async {
        task.cancel()
        await task.value
    }

    /// One guest's visit, with every kind of request that runs a script; a cancelled load still ends its visits.
    private static func visit(_ key: String, _ topic: String, _ clients: [RollcallClient], _ tally: Tally) async {
        let path = RollcallClient.path(topic: topic, "presences", key, "s")
        let entry = RollcallClient.path(topic: topic, "presences", key)
        let operations = #"{"operations":[{"op":"heartbeat","topic":"\#(topic)","key":"\#(key)","session":"s"}]}"#
        await Task {
            await ask("PUT", path, #"{"ttl":60}"#, clients, tally)
            await ask("PUT", path, #"{"meta":{"seen":true}}"#, clients, tally)
            await ask("POST", "/v1/batch", operations, clients, tally)
            await ask("GET", entry, nil, clients, tally)
            await ask("DELETE", path, nil, clients, tally)
        }.value
    }

    /// Retries until the answer is not 503: a busy machine may be slow, and that is no fault of a script.
    private static func ask(
        _ method: String, _ path: String, _ body: String?, _ clients: [RollcallClient], _ tally: Tally
    ) async {
        while let client = clients.randomElement() {
            guard let answer = try? await client.send(method, path, body, timeout: .seconds(10) * patience),
                answer.status != 503, !answer.text.contains(#""status":503"#)
            else { continue }
            tally.done.add(1, ordering: .relaxed)
            guard 200...204 ~= answer.status, !answer.text.contains(#""problem""#) else {
                return tally.refusals.withLock { $0.append("\(method) \(path): \(answer.status) \(answer.text)") }
            }
            return
        }
    }
}
