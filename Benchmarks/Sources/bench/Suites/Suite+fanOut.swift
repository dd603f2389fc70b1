// Rollcall · bench

import LoadGenerator

extension Suite {
    /// One diff at a time: the next one follows a pause after every subscriber has the last one.
    static let fanOut = Suite(
        name: "fanout", title: "One diff at a time to all subscribers of a topic", unit: "subscribers",
        sizes: [100, 1_000, 10_000], subjects: [.rollcall, .nchan, .node, .floor], headline: "events/s",
        growth: ["server µs/event"], scalingBase: 1_250
    ) { subject, size, setting throws(LoadError) in
        let service = try setting.launcher.start(subject)
        defer { service.end() }
        let bytesBefore = ProcessAccount.bytes(service.pids)
        let room = try Room(size, of: service)
        defer { room.close() }
        try Interruption.sleep(milliseconds: 200)
        let bytesOpen = ProcessAccount.bytes(service.pids)

        try room.publishOneByOne(setting.repetitions(5))
        room.streams.clearCounts()
        let count = setting.repetitions(min(100, max(20, 200_000 / size)))
        let spent = try room.publishOneByOne(count)

        let events = Double(count * size)
        var figures = Figures()
        figures["events/s"] = events / spent.seconds
        figures["server µs/event"] = spent.server / events * 1e6
        figures["p50 ms"] = room.streams.latency.milliseconds(0.5)
        figures["p99 ms"] = room.streams.latency.milliseconds(0.99)
        figures["KB/connection idle"] = Double(bytesOpen - bytesBefore) / Double(size) / 1024
        figures["KB/connection"] = Double(ProcessAccount.bytes(service.pids) - bytesBefore) / Double(size) / 1024
        figures.add(spent)
        return figures
    }

    /// A hundred diffs as fast as eight connections send them.
    static let burst = Suite(
        name: "burst", title: "A burst of 100 diffs to all subscribers of a topic", unit: "subscribers",
        sizes: [100, 1_000, 10_000], subjects: [.rollcall, .nchan, .node, .floor], headline: "diffs/s",
        growth: ["server µs/diff"], largest: [.node: 1_000], scalingBase: 1_250
    ) { subject, size, setting throws(LoadError) in
        let service = try setting.launcher.start(subject)
        defer { service.end() }
        let room = try Room(size, of: service, firstMarkerOnly: false)
        defer { room.close() }
        try room.publishAtOnce(10)
        room.streams.clearCounts()
        let bursts = subject == .rollcall ? setting.repetitions(5) : 1  // a burst takes the other servers seconds
        var spent = Spent()
        for _ in 0..<bursts { spent += try room.publishAtOnce(100) }

        let diffs = Double(bursts * 100 * size)
        var figures = Figures()
        figures["diffs/s"] = diffs / spent.seconds
        figures["server µs/diff"] = spent.server / diffs * 1e6
        figures["events a subscriber"] = Double(room.streams.counters.diffs) / Double(bursts * size)
        figures["p50 ms"] = room.streams.latency.milliseconds(0.5)
        figures["p99 ms"] = room.streams.latency.milliseconds(0.99)
        figures.add(spent)
        return figures
    }
}
