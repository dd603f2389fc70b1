// Rollcall · FaultTests

import Synchronization
import TestSupport

/// A browser with a presence by its open stream, which reconnects by itself as an EventSource does.
///
/// While it runs, no stream may show a leave of its key.
final class StreamClient: Sendable {
    let key: String
    private let running: Mutex<Task<Void, Never>?> = Mutex(nil)
    private let opened = Atomic(0)
    private let received = Mutex(Received())

    private struct Received {
        var past: [SSEEvent] = []
        var stream: SSEClient?

        mutating func end() {
            past += stream?.events ?? []
            stream = nil
        }
    }

    /// - Parameter clients: The nodes that it may connect to, as through a load balancer; called for each connection.
    init(key: String, topic: String, grace: Int = 10, clients: @escaping @Sendable () -> [RollcallClient]) {
        self.key = key
        let path = RollcallClient.path(topic: topic, "events") + "?key=\(key)&session=tab&grace=\(grace)"
        let task = Task { [weak self] in
            var lastEventID: String?
            while !Task.isCancelled {
                if let client = clients().randomElement(),
                    let stream = try? await client.events(
                        path, lastEventID: lastEventID, headers: FaultAccess.browser(key))
                {
                    if stream.status == 200 { self?.opened.add(1, ordering: .relaxed) }
                    self?.received.withLock { $0.stream = stream }
                    while stream.end == nil, !Task.isCancelled { try? await Task.sleep(for: .milliseconds(20)) }
                    if !stream.lastEventID.isEmpty { lastEventID = stream.lastEventID }
                    await stream.close()
                    self?.received.withLock { $0.end() }
                }
                try? await Task.sleep(for: .milliseconds(.random(in: 100...300)))
            }
        }
        running.withLock { $0 = task }
    }

    /// The events of all its streams, each of which resumed where the last one ended.
    var watcher: Watcher {
        Watcher(name: "the stream of \(key)") { self.received.withLock { $0.past + ($0.stream?.events ?? []) } }
    }

    /// How often it has connected.
    var connections: Int { opened.load(ordering: .relaxed) }

    /// Closes the tab.
    func close() async {
        let task = running.withLock { running in
            defer { running = nil }
            return running
        }
        task?.cancel()
        await task?.value
    }
}
