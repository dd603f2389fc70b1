// Rollcall · bench

import AllocationGuard
import LoadGenerator

extension AllocationProbe {
    /// A message that a node applies, and an event that it makes of messages and tells one subscriber.
    ///
    /// The node follows topics that change through another one: first one topic as fast as a connection goes, so that
    /// many messages become one event, then all of them in turn, so slowly each that a message becomes an event of its
    /// own. That is two equations for the two costs. It is always the same presence of a topic that changes, so an event
    /// tells of one change however many messages it is made of.
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
                throw LoadError("messages became as many events alone as together, which tells nothing of either")
            }
            costs.append(cost)
        }
        return FlowCost(message: .median(costs.map(\.message)), event: .median(costs.map(\.event)))
    }
}
