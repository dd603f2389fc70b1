// Rollcall · bench

import LoadGenerator

extension Suite {
    /// Subscribers that stop reading, among others that go on.
    static let slow = Suite(
        name: "slow", title: "Subscribers, of which one in 20 stops reading", unit: "subscribers",
        sizes: [200], subjects: [.rollcall, .nchan, .node], headline: "p99 ms", moreIsBetter: false,
        growth: ["server µs/event"], scalingBase: 50
    ) { subject, size, setting throws(LoadError) in
        let count = setting.repetitions(1_000)
        let without = try sendUpdates(count, to: size, of: subject, setting, slowEvery: 0)
        let with = try sendUpdates(count, to: size, of: subject, setting, slowEvery: 20)
        var figures = Figures()
        figures["p50 ms"] = with.latency.milliseconds(0.5)
        figures["p99 ms"] = with.latency.milliseconds(0.99)
        figures["p99 ms, all reading"] = without.latency.milliseconds(0.99)
        figures["diffs each"] = Double(with.counters.diffs) / Double(size - (size + 19) / 20)
        figures["KB a slow reader"] = Double(with.bytes - without.bytes) / Double((size + 19) / 20) / 1024
        figures["server µs/event"] = with.spent.server / Double(with.counters.diffs) * 1e6
        figures["server µs/event, all reading"] = without.spent.server / Double(without.counters.diffs) * 1e6
        figures.add(with.spent)
        return figures
    }

    /// Sends updates of 4 KB, each when all readers have the last one; `bytes` is the growth of the server's memory.
    private static func sendUpdates(
        _ count: Int, to size: Int, of subject: Subject, _ setting: Setting, slowEvery: Int
    ) throws(LoadError) -> (latency: Histogram, counters: StreamCounters, spent: Spent, bytes: Int) {
        let service = try setting.launcher.start(subject)
        defer { service.end() }
        let room = try Room(size, of: service, slowEvery: slowEvery)
        defer { room.close() }
        room.padding = 3_900
        try room.publishOneByOne(5, pauses: false)
        room.streams.clearCounts()
        let bytes = ProcessAccount.bytes(service.pids)
        let spent = try room.publishOneByOne(count, pauses: false)
        return (room.streams.latency, room.streams.counters, spent, ProcessAccount.bytes(service.pids) - bytes)
    }
}
