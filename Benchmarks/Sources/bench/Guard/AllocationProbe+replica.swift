// Rollcall · bench

import AllocationGuard
import LoadGenerator

extension AllocationProbe {
    /// The allocations of a message that a node applies, and of an event that it makes of messages for one subscriber.
    ///
    /// The node follows topics that change through another node. First one topic changes as fast as a connection can
    /// send, so that many messages become one event. Then all topics change in turn, each so slowly that every message
    /// becomes an event of its own. These are two equations for the two costs. Always the same presence of a topic
    /// changes, so an event has one change, for any number of messages.
    func replica() throws(LoadError) -> FlowCost {
        let service = try launcher.start(.rollcall, nodes: 2)
        defer { service.end() }
        let followers = try Followers(of: service)
        defer { followers.close() }
        let background = try background(of: followers.node)
        let count = 2_000

        func observe(topics: Int) throws(LoadError) -> FlowCost.Observation {
            let before = followers.events
            let began = Clock.now
            let spent = try allocations(of: followers.node) { () throws(LoadError) in
                try followers.change(count, topics: topics)
            }
            let timers = background * (Double(Clock.now - began) / 1e9)
            return FlowCost.Observation(messages: count, events: followers.events - before, spent: spent - timers)
        }
        _ = try observe(topics: 1)
        _ = try observe(topics: Followers.topics)
        var costs: [FlowCost] = []
        for _ in 0..<rounds {
            let together = try observe(topics: 1)
            guard let cost = FlowCost(together, try observe(topics: Followers.topics)) else {
                throw LoadError("both rounds had as many events for each message, so the costs cannot be separated")
            }
            costs.append(cost)
        }
        return FlowCost(message: .median(costs.map(\.message)), event: .median(costs.map(\.event)))
    }
}
