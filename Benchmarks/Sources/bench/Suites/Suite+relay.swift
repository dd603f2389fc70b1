// Rollcall · bench

import LoadGenerator

extension Suite {
    /// A diff on the node of the write, and on the other node.
    static let relay = Suite(
        name: "relay", title: "A diff on the other node, idle and loaded", unit: "subscribers",
        sizes: [1, 100], subjects: [.rollcall], headline: "other p50 ms idle", moreIsBetter: false,
        growth: ["other p50 ms idle", "server CPU s"], scalingBase: 50
    ) { subject, size, setting throws(LoadError) in
        let service = try setting.launcher.start(subject, nodes: 2)
        defer { service.end() }
        let reactor = Reactor()
        let fleets = service.nodes.map { node in
            var options = StreamOptions(count: size, port: node.port, path: StreamPath(subject.roomStream))
            options.readTimes(firstOnly: true)
            return StreamFleet(options, on: reactor)
        }
        defer { for fleet in fleets { fleet.close() } }
        for fleet in fleets {
            try fleet.open()
            try fleet.begin()
        }
        let publisher = try RequestFleet(connections: 1, port: service.port, on: reactor)
        defer { publisher.close() }

        /// Publishes a change each 25 ms. All subscribers have it before the next one.
        func publish(_ count: Int) throws(LoadError) {
            for fleet in fleets { fleet.clearCounts() }
            let began = Clock.now
            for number in 0..<count {
                try reactor.run(until: began + UInt64(number) * 25 * Clock.millisecond)
                var left = 1
                publisher.next = { _, writer in
                    guard left > 0 else { return false }
                    left -= 1
                    subject.publish(0, writer)
                    return true
                }
                publisher.start()
                let isSeen = try reactor.run(seconds: 20) {
                    fleets.allSatisfy { $0.counters.diffs >= (number + 1) * size } && publisher.underWay == 0
                }
                guard isSeen else { throw LoadError("a diff did not reach all subscribers") }
            }
            try publisher.requireSuccess()
        }
        try publish(20)
        var figures = Figures()
        let cost = Cost(of: service)
        try publish(setting.repetitions(200))
        let spent = cost.soFar()
        note("idle")

        let writers = try Writers(8, of: service, on: reactor, topics: 100)
        defer { writers.close() }
        let loading = Cost(of: service)
        writers.keepTracking()
        try publish(setting.repetitions(200))
        figures["writes/s loaded"] = Double(writers.requests.answered) / loading.soFar().seconds
        try writers.stop()
        note("loaded")
        figures.add(spent)
        return figures

        func note(_ state: String) {
            for (which, fleet) in zip(["same", "other"], fleets) {
                figures["\(which) p50 ms \(state)"] = fleet.latency.milliseconds(0.5)
                figures["\(which) p99 ms \(state)"] = fleet.latency.milliseconds(0.99)
            }
        }
    }
}
