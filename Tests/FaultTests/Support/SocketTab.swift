// Rollcall · FaultTests

import Synchronization
import TestSupport

/// A browser with a presence by a Phoenix socket, which reconnects and joins again as phoenix.js does.
///
/// While it runs, no stream may show a leave of its key.
final class SocketTab: Sendable {
    private struct State {
        /// The events of sockets that have ended.
        var past: [SSEEvent] = []
        var client: PhoenixClient?
        var connections = 0
        var codes: [Int?] = []
        var refusals: [String] = []
        /// Why the messages of a socket could not be read.
        var fault: (any Error)?

        mutating func end(_ topic: String) {
            guard let client else { return }
            do {
                past += try client.events(of: topic)
            } catch {
                fault = error
            }
            codes.append(client.socket.closeCode)
            self.client = nil
        }
    }

    private final class Box: Sendable {
        let state = Mutex(State())
    }

    let key: String
    private let topic: String
    private let box: Box
    private let task: Task<Void, Never>

    /// - Parameter clients: The nodes that it may connect to, as through a load balancer; called for each connection.
    init(
        key: String, topic: String, version: PhoenixClient.Version,
        clients: @escaping @Sendable () -> [RollcallClient]
    ) {
        let box = Box()
        (self.key, self.topic, self.box) = (key, topic, box)
        let join = #"{"name":"\#(key)","session":"tab","grace":10}"#
        task = Task {
            while !Task.isCancelled {
                if let url = clients().randomElement()?.baseURL,
                    let client = try? await PhoenixClient.connect(
                        url, version, "reasons=true", authToken: FaultAccess.token(key))
                {
                    box.state.withLock { state in
                        state.client = client
                        state.connections += 1
                    }
                    await Self.stay(on: client, topic, join, box)
                    await client.socket.drop()
                    box.state.withLock { $0.end(topic) }
                }
                try? await Task.sleep(for: .milliseconds(.random(in: 100...300)))
            }
        }
    }

    /// Joins, and joins again after a refusal or a failure, until the socket ends.
    private static func stay(on client: PhoenixClient, _ topic: String, _ join: String, _ box: Box) async {
        var isJoined = false
        var failures = 0
        while !Task.isCancelled, !client.socket.isEnded {
            let failed = (try? client.messages.count { $0.event == "phx_error" }) ?? 0
            if failed > failures { isJoined = false }
            failures = failed
            if !isJoined, let answer = try? await client.join(topic, join) {
                isJoined = answer.status == "ok"
                if let reason = answer.reason { box.state.withLock { $0.refusals.append(reason) } }
            }
            try? await Task.sleep(for: .milliseconds(isJoined ? 20 : 200))
        }
    }

    /// The states and diffs of all its sockets.
    var watcher: Watcher {
        Watcher(name: "the socket of \(key)") { [box, topic] in
            box.state.withLock { $0.past + ((try? $0.client?.events(of: topic)) ?? []) }
        }
    }

    /// How often it has connected.
    var connections: Int { box.state.withLock { $0.connections } }

    /// The close codes of the sockets that have ended; nil for one without a close frame.
    var codes: [Int?] { box.state.withLock { $0.codes } }

    /// The reasons of joins that were refused.
    var refusals: [String] { box.state.withLock { $0.refusals } }

    /// Loses the connection for good; throws if a message of any socket could not be read.
    func close() async throws {
        task.cancel()
        await task.value
        if let fault = box.state.withLock({ $0.fault }) { throw fault }
    }
}

extension FaultCluster {
    /// Presences by Phoenix sockets of both versions, spread over the nodes that `clients` gives.
    func socketTabs(
        _ count: Int, clients: (@Sendable () -> [RollcallClient])? = nil
    ) async throws -> [SocketTab] {
        let all = self.clients
        let tabs = (0..<count).map { number in
            SocketTab(
                key: "socket\(number)", topic: topic, version: number % 2 == 0 ? .v1 : .v2, clients: clients ?? { all })
        }
        try await expectPresent(tabs.map(\.key))
        return tabs
    }
}
