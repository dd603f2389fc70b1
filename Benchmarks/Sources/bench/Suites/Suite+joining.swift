// Rollcall · bench

import Glibc
import LoadGenerator

extension Suite {
    /// All clients join one topic at once.
    static let room = Suite(
        name: "room", title: "All clients join one room at once until each has seen all", unit: "clients",
        sizes: [500, 1_000, 2_000, 5_000], subjects: [.rollcall, .node], headline: "seconds", moreIsBetter: false,
        growth: ["server CPU s", "Redis CPU s", "MB sent"], largest: [.node: 2_000], scalingBase: 500
    ) { subject, size, setting throws(LoadError) in
        let service = try setting.launcher.start(subject)
        defer { service.end() }
        let crowd = Crowd(size, topics: 1, port: service.port)
        defer { crowd.close() }
        let cost = Cost(of: service)
        try crowd.join(seconds: 120)
        let spent = cost.soFar()
        var figures = Figures()
        figures["seconds"] = spent.seconds
        figures["joins/s"] = Double(size) / spent.seconds
        figures["events a client"] = Double(crowd.streams.counters.diffs + crowd.streams.counters.states) / Double(size)
        figures["MB sent"] = Double(crowd.streams.counters.bytes) / 1e6
        figures.add(spent)
        return figures
    }

    /// All clients join at once, each one of many topics.
    static let topics = Suite(
        name: "topics", title: "All clients join topics of ten at once until each has seen its topic", unit: "clients",
        sizes: [10_000], subjects: [.rollcall, .node], headline: "joins/s", scalingBase: 1_250
    ) { subject, size, setting throws(LoadError) in
        let service = try setting.launcher.start(subject)
        defer { service.end() }
        let bytesBefore = ProcessAccount.bytes(service.pids)
        let crowd = Crowd(size, topics: max(1, size / 10), port: service.port)
        defer { crowd.close() }
        let cost = Cost(of: service)
        try crowd.join(seconds: 120)
        let spent = cost.soFar()
        var figures = Figures()
        figures["joins/s"] = Double(size) / spent.seconds
        figures["CPU s per 1,000"] = (spent.server + spent.redis) / Double(size) * 1000
        figures["p50 ms to the state"] = crowd.streams.firstEvent.milliseconds(0.5)
        figures["p99 ms to the state"] = crowd.streams.firstEvent.milliseconds(0.99)
        figures["KB a client"] = Double(ProcessAccount.bytes(service.pids) - bytesBefore) / Double(size) / 1024
        figures.add(spent)
        return figures
    }

    /// One node is killed, and all of its streams resume on the other.
    static let resume = Suite(
        name: "resume", title: "Streams resume on another node within a second of the end of theirs", unit: "streams",
        sizes: [10_000], subjects: [.rollcall], headline: "seconds", moreIsBetter: false, scalingBase: 1_250
    ) { subject, size, setting throws(LoadError) in
        let service = try setting.launcher.start(subject, nodes: 2)
        defer { service.end() }
        let crowd = Crowd(size, topics: max(1, size / 10), port: service.port, resumes: true)
        defer { crowd.close() }
        try crowd.join(seconds: 120)
        try crowd.reactor.run(seconds: 1)

        service.nodes[0].child.end(signal: SIGKILL)
        try crowd.reactor.run(seconds: 10) { crowd.streams.counters.opened == 0 }
        crowd.streams.clearCounts()
        let cost = Cost(of: service)
        let began = Clock.now
        for index in 0..<size {
            try crowd.reactor.run(until: began + Clock.second / UInt64(size) * UInt64(index))
            crowd.streams.resume(index, port: service.nodes[1].port)
        }
        let isBack = try crowd.reactor.run(seconds: 60) { crowd.streams.counters.begun == size }
        guard isBack else {
            throw LoadError("\(crowd.streams.counters.begun) streams are back: \(crowd.streams.counters)")
        }
        let spent = cost.soFar()
        try crowd.reactor.run(seconds: setting.isQuick ? 1 : 8)  // longer than the grace
        var figures = Figures()
        figures["seconds"] = spent.seconds
        figures["p50 ms to the first event"] = crowd.streams.firstEvent.milliseconds(0.5)
        figures["p99 ms to the first event"] = crowd.streams.firstEvent.milliseconds(0.99)
        figures["leaves"] = Double(crowd.streams.counters.leaves)
        figures["fresh states"] = Double(crowd.streams.counters.states)
        figures["server µs/stream"] = spent.server / Double(size) * 1e6
        figures["Redis µs/stream"] = spent.redis / Double(size) * 1e6
        figures.add(spent)
        return figures
    }
}
