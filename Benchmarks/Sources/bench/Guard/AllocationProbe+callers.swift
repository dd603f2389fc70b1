// Rollcall · bench

import AllocationGuard
import LoadGenerator

/// Who sends the requests that are counted.
enum GuardedCaller {
    /// A caller without a credential, on an open node.
    case open
    /// A user with a token, with each kind of limit, none of which is reached.
    case user(SampleUser)

    static let settings = SampleUser.settings.merging([
        "ROLLCALL_USER_LIMITS":
            "requests=9000000/10s,tracks=9000000/10s,bytes=900000000/10s,tickets=9000000/10s,streams=90000,topics=90000"
    ]) { $1 }

    var headers: String { if case .user(let user) = self { user.authorization } else { "" } }
}

extension AllocationProbe {
    /// The allocations of a track over a kept-alive connection on a topic without subscribers, from request to reply.
    func track(by caller: GuardedCaller) throws(LoadError) -> AllocationCount {
        let service = try launcher.start(.rollcall, environment: GuardedCaller.settings)
        defer { service.end() }
        let requests = try RequestFleet(connections: 1, port: service.port, on: Reactor())
        defer { requests.close() }
        var number = 0
        func track(_ count: Int) throws(LoadError) {
            let end = number + count
            requests.next = { _, writer in
                guard number < end else { return false }
                writer.request(
                    "PUT", headers: caller.headers,
                    path: {
                        $0.text("/v1/topics/room-")
                        $0.number(number % 100)
                        $0.text("/presences/")
                        // A user writes under its own key.
                        if case .user(let user) = caller {
                            $0.text(user.key)
                            $0.text("/")
                            $0.number(number)
                        } else {
                            $0.text("user-")
                            $0.number(number)
                            $0.text("/one")
                        }
                    },
                    body: { $0.text(#"{"ttl":300,"meta":{"name":"User","status":"online"}}"#) })
                number += 1
                return true
            }
            try requests.run(seconds: 60)
            guard requests.statuses[2] == number else { throw LoadError("tracks were refused: \(requests.statuses)") }
        }
        try track(500)
        let count = 1_000
        return try median { () throws(LoadError) in
            try allocations(of: service.nodes[0]) { () throws(LoadError) in try track(count) } / Double(count)
        }
    }

    /// The allocations of a stream of an empty topic, from its connection to its state.
    func stream(by caller: GuardedCaller) throws(LoadError) -> AllocationCount {
        let service = try launcher.start(.rollcall, environment: GuardedCaller.settings)
        defer { service.end() }
        let reactor = Reactor()
        func open(_ count: Int) throws(LoadError) -> AllocationCount {
            var options = StreamOptions(count: count, port: service.port, path: StreamPath("/v1/topics/room/events"))
            options.headers = caller.headers
            options.connecting = 1
            let streams = StreamFleet(options, on: reactor)
            defer { streams.close() }
            return try allocations(of: service.nodes[0]) { () throws(LoadError) in
                try streams.open()
                try streams.begin()
            }
        }
        // One stream stays open, so that the node keeps the topic.
        let first = StreamFleet(
            StreamOptions(count: 1, port: service.port, path: StreamPath("/v1/topics/room/events")), on: reactor)
        defer { first.close() }
        try first.open()
        try first.begin()
        let count = 200
        _ = try open(count)
        return try median { () throws(LoadError) in try open(count) / Double(count) }
    }
}
