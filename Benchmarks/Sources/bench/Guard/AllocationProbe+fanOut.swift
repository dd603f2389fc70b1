// Rollcall · bench

import AllocationGuard
import LoadGenerator

extension AllocationProbe {
    /// The allocations of one more subscriber of an event: those of 1,000 less those of 100, divided by 900.
    func fanOut() throws(LoadError) -> AllocationCount {
        let (few, many) = (100, 1_000)
        return (try event(subscribers: many) - event(subscribers: few)) / Double(many - few)
    }

    /// The allocations of an event to so many subscribers, from the request on.
    private func event(subscribers: Int) throws(LoadError) -> AllocationCount {
        let service = try launcher.start(.rollcall)
        defer { service.end() }
        let room = try Room(subscribers, of: service)
        defer { room.close() }
        try room.publishOneByOne(10)
        let events = 10
        return try median { () throws(LoadError) in
            var sum = AllocationCount.zero
            for _ in 0..<events {
                let began = Clock.now
                sum += try allocations(of: service.nodes[0]) { () throws(LoadError) in
                    try room.publishOneByOne(1, pauses: false)
                }
                // Longer than the window that would delay the next change.
                try room.reactor.run(seconds: max(0.02, 3 * Double(Clock.now - began) / 1e9))
            }
            return sum / Double(events)
        }
    }
}
