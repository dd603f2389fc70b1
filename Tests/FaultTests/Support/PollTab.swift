// Rollcall · FaultTests

import TestSupport

/// A browser with a presence by a long poll, which polls at random nodes, and joins again in each new session.
final class PollTab: Sendable {
    let key: String
    private let topic: String
    private let poll: LongPollClient
    private let task: Task<Void, Never>

    /// - Parameter clients: The nodes that it polls, as through a load balancer.
    init(key: String, topic: String, clients: [RollcallClient]) async throws {
        let nodes = clients.map { RollcallClient($0.baseURL, fields: FaultAccess.browser(key)) }
        let poll = try await LongPollClient.open(at: nodes, "reasons=true")
        (self.key, self.topic, self.poll) = (key, topic, poll)
        let join = #"{"name":"\#(key)","session":"tab","grace":10}"#
        task = Task {
            var joined: String?
            while !Task.isCancelled {
                if let session = poll.token, session != joined, await Self.join(poll, topic, join, in: session) {
                    joined = session
                }
                try? await Task.sleep(for: .milliseconds(50))
            }
        }
        poll.keepPolling()
    }

    /// Joins; returns false if the join is refused or cannot be sent, and if another session begins meanwhile.
    private static func join(
        _ poll: LongPollClient, _ topic: String, _ payload: String, in session: String
    ) async -> Bool {
        guard let ref = try? await poll.send(("phx_join", payload), on: topic).first else { return false }
        while !Task.isCancelled, poll.token == session {
            let answer = poll.messages.first { $0.event == "phx_reply" && $0.ref == .string(ref) }
            if let answer { return answer.status == "ok" }
            try? await Task.sleep(for: .milliseconds(20))
        }
        return false
    }

    /// The states and diffs of all its sessions.
    var watcher: Watcher {
        Watcher(name: "the long poll of \(key)") { [poll, topic] in poll.events(of: topic) }
    }

    /// Stops polling, without a leave.
    func close() async {
        task.cancel()
        await task.value
        await poll.close()
    }
}

extension FaultCluster {
    /// Presences by long polls, each of which comes to all nodes.
    func pollTabs(_ count: Int) async throws -> [PollTab] {
        var tabs: [PollTab] = []
        for number in 0..<count {
            tabs.append(try await PollTab(key: "poll\(number)", topic: topic, clients: clients))
        }
        try await expectPresent(tabs.map(\.key))
        return tabs
    }
}
