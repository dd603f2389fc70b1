// Rollcall · FaultTests

import Synchronization
import TestSupport

/// A browser with a duplicated tab: one session on up to three streams, at random nodes, opened and closed at random.
///
/// It abandons a stream that is not tracked soon and opens another one, as clients do. It closes a stream only while
/// another one is tracked and open. While it runs, no stream may show a leave of its key. The grace is short, so that a
/// session that is released in error leaves soon.
final class SharedTab: Sendable {
    let key: String
    private let task: Task<Void, Never>
    private let counts = Counts()

    private final class Counts: Sendable {
        let opened = Atomic(0)
        let closed = Atomic(0)
        let abandoned = Atomic(0)
    }

    init(key: String, topic: String, grace: Int = 1, clients: @escaping @Sendable () -> [RollcallClient]) {
        self.key = key
        let path = RollcallClient.path(topic: topic, "events") + "?key=\(key)&session=tab&grace=\(grace)"
        task = Task { [counts] in
            var streams: [SSEClient] = []
            while !Task.isCancelled {
                streams.removeAll { $0.end != nil }
                let isOpening = streams.count < 2 || streams.count < 3 && Bool.random()
                if isOpening {
                    if let stream = await Self.open(clients().randomElement(), path, key) {
                        counts.opened.add(1, ordering: .relaxed)
                        streams.append(stream)
                    } else {
                        counts.abandoned.add(1, ordering: .relaxed)
                    }
                } else {
                    await streams.remove(at: .random(in: 0..<streams.count)).close()
                    counts.closed.add(1, ordering: .relaxed)
                }
                try? await Task.sleep(for: .milliseconds(.random(in: 20...250)))
            }
            for stream in streams { await stream.close() }
        }
    }

    /// How often a stream was opened and tracked, closed beside another one, and given up before it was tracked.
    var history: (opened: Int, closed: Int, abandoned: Int) {
        (
            counts.opened.load(ordering: .relaxed), counts.closed.load(ordering: .relaxed),
            counts.abandoned.load(ordering: .relaxed)
        )
    }

    /// Closes all its streams.
    func close() async {
        task.cancel()
        await task.value
    }

    private static func open(_ client: RollcallClient?, _ path: String, _ key: String) async -> SSEClient? {
        let patience = Duration.milliseconds(.random(in: 300...2500))
        let headers = FaultAccess.browser(key)
        guard let client, let stream = try? await client.events(path, headers: headers, timeout: patience) else {
            return nil
        }
        if stream.status == 200, (try? await stream.next("tracked", timeout: patience)) != nil { return stream }
        await stream.close()
        return nil
    }
}

extension FaultCluster {
    /// Sessions that are open on several streams at once, at all nodes.
    func sharedTabs(_ count: Int) async throws -> [SharedTab] {
        let all = clients
        let tabs = (0..<count).map { SharedTab(key: "shared\($0)", topic: topic, clients: { all }) }
        try await expectPresent(tabs.map(\.key))
        return tabs
    }

    /// Waits until leases, and graces of up to two seconds, that began before this call are over.
    func outliveLeases() async throws {
        let marker = "marker\(UInt32.random(in: 0 ... .max))"
        try await track(marker, at: clients.count - 1, ttl: 9)
        try await expectPresent([marker])
        try await expectLeaves(of: [marker], because: "expired", within: .seconds(60))
    }
}
