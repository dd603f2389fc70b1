// Rollcall · bench

import LoadGenerator

extension Suite {
    /// The list of a topic, as a whole and as a 304.
    static let list = Suite(
        name: "list", title: "The list of a topic, and the same list when nothing changed", unit: "presences",
        sizes: [10, 1_000, 10_000], subjects: [.rollcall, .node], headline: "list p50 ms", moreIsBetter: false,
        growth: ["server ms/list", "server µs/304"], scalingBase: 1_250
    ) { subject, size, setting throws(LoadError) in
        let service = try setting.launcher.start(subject)
        defer { service.end() }
        let reactor = Reactor()
        let writers = try Writers(4, of: service, on: reactor, topics: 1)
        try writers.batch(size, of: 50, ttl: 300)
        writers.close()

        let reader = try RequestFleet(connections: 1, port: service.port, on: reactor)
        defer { reader.close() }
        reader.keepsHead = true
        func read(_ count: Int, headers: String = "") throws(LoadError) {
            var left = count
            reader.next = { _, writer in
                guard left > 0 else { return false }
                left -= 1
                writer.request("GET", headers: headers, path: { $0.text("/v1/topics/room-0/presences") })
                return true
            }
            try reader.run(seconds: 120)
        }
        try read(5)
        let tag = reader.lastHeader("etag") ?? ""
        reader.clearCounts()
        let count = setting.repetitions(min(2_000, max(100, 500_000 / size)))
        let cost = Cost(of: service)
        try read(count)
        let spent = cost.soFar()
        let whole = reader.latency
        let bytes = reader.bytes / count
        reader.clearCounts()
        let unchanged = Cost(of: service)
        try read(setting.repetitions(2_000), headers: "If-None-Match: \(tag)\r\n")
        let unchangedSpent = unchanged.soFar()
        guard reader.statuses[3] == reader.answered else { throw LoadError("an unchanged list was sent again") }

        var figures = Figures()
        figures["list p50 ms"] = whole.milliseconds(0.5)
        figures["list p99 ms"] = whole.milliseconds(0.99)
        figures["KB"] = Double(bytes) / 1024
        figures["server ms/list"] = spent.server / Double(count) * 1e3
        figures["304 p50 ms"] = reader.latency.milliseconds(0.5)
        figures["304 p99 ms"] = reader.latency.milliseconds(0.99)
        figures["server µs/304"] = unchangedSpent.server / Double(reader.answered) * 1e6
        figures.add(spent)
        return figures
    }
}
