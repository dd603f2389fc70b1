// Rollcall · bench

import AllocationGuard
import LoadGenerator

extension AllocationProbe {
    /// The allocations of a track over a kept-alive connection on a topic without subscribers, from request to reply.
    func track() throws(LoadError) -> AllocationCount {
        let service = try launcher.start(.rollcall)
        defer { service.end() }
        let requests = try RequestFleet(connections: 1, port: service.port, on: Reactor())
        defer { requests.close() }
        var number = 0
        func track(_ count: Int) throws(LoadError) {
            let end = number + count
            requests.next = { _, writer in
                guard number < end else { return false }
                writer.request(
                    "PUT",
                    path: {
                        $0.text("/v1/topics/room-")
                        $0.number(number % 100)
                        $0.text("/presences/user-")
                        $0.number(number)
                        $0.text("/one")
                    },
                    body: { $0.text(#"{"ttl":300,"meta":{"name":"User","status":"online"}}"#) })
                number += 1
                return true
            }
            try requests.run(seconds: 60)
        }
        try track(500)
        let count = 1_000
        return try median { () throws(LoadError) in
            try allocations(of: service.nodes[0]) { () throws(LoadError) in try track(count) } / Double(count)
        }
    }
}
