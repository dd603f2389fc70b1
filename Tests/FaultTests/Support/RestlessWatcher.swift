// Rollcall · FaultTests

import Synchronization
import TestSupport

/// A stream without a presence that is cut again and again, and each time resumes at a random node with its last id.
///
/// The events of all its connections are one history, which must fold to the roster in Redis.
final class RestlessWatcher: Sendable {
    private struct State {
        var past: [SSEEvent] = []
        var stream: SSEClient?
        var cursor: String?
        var connections = 0
    }

    private final class Box: Sendable {
        let state = Mutex(State())
    }

    private let box: Box
    private let task: Task<Void, Never>

    init(topic: String, clients: @escaping @Sendable () -> [RollcallClient]) {
        let box = Box()
        self.box = box
        task = Task {
            while !Task.isCancelled {
                await Self.connect(box, RollcallClient.path(topic: topic, "events"), clients())
                try? await Task.sleep(for: .milliseconds(.random(in: 10...100)))
            }
        }
    }

    /// One connection, from its request to its end.
    private static func connect(_ box: Box, _ path: String, _ clients: [RollcallClient]) async {
        let cursor = box.state.withLock { $0.cursor }
        guard let client = clients.randomElement(),
            let stream = try? await client.events(path, lastEventID: cursor)
        else { return }
        guard stream.status == 200 else { return await stream.close() }
        box.state.withLock { state in
            state.stream = stream
            state.connections += 1
        }
        try? await Task.sleep(for: .milliseconds(.random(in: 300...1500)))
        await stream.close()
        box.state.withLock { state in
            state.past += stream.events
            state.stream = nil
            if !stream.lastEventID.isEmpty { state.cursor = stream.lastEventID }
        }
    }

    /// How often it has connected.
    var connections: Int { box.state.withLock { $0.connections } }

    var watcher: Watcher {
        Watcher(name: "the restless watcher") { [box] in
            box.state.withLock { $0.past + ($0.stream?.events ?? []) }
        }
    }

    func close() async {
        task.cancel()
        await task.value
    }
}
