// Rollcall · bench

import LoadGenerator

extension Suite {
    /// Track, update and untrack, one a request and in batches.
    static let writes = Suite(
        name: "writes", title: "Writes over HTTP to topics without subscribers", unit: "presences",
        sizes: [20_000], subjects: [.rollcall, .node, .redis], headline: "tracks/s", scalingBase: 5_000
    ) { subject, size, setting throws(LoadError) in
        let count = setting.repetitions(size)
        let service = try setting.launcher.start(subject)
        defer { service.end() }
        var figures = Figures()
        if subject == .redis {
            let script = try TrackScript(root: setting.launcher.root, redis: service.redis!)
            let cost = Cost(of: service)
            figures["tracks/s"] = try script.run(count, members: 1)
            let spent = cost.soFar()
            figures["tracks/s by 50"] = try script.run(count / 50, members: 50) * 50
            figures["Redis µs/track"] = spent.redis / Double(count) * 1e6
            figures.add(spent)
            return figures
        }
        let reactor = Reactor()
        let writers = try Writers(32, of: service, on: reactor, topics: 100)
        defer { writers.close() }
        try writers.track(200)
        try writers.untrack(200)

        let tracking = Cost(of: service)
        try writers.track(count)
        let tracked = tracking.soFar()
        let latency = writers.requests.latency
        let updating = Cost(of: service)
        try writers.update(count)
        let updated = updating.soFar()
        let untracking = Cost(of: service)
        try writers.untrack(count)
        let untracked = untracking.soFar()
        let batching = Cost(of: service)
        try writers.batch(count, of: 50, ttl: 300)
        let batched = batching.soFar()

        let number = Double(count)
        figures["tracks/s"] = number / tracked.seconds
        figures["updates/s"] = number / updated.seconds
        figures["untracks/s"] = number / untracked.seconds
        figures["tracks/s by 50"] = number / batched.seconds
        figures["track p50 ms"] = latency.milliseconds(0.5)
        figures["track p99 ms"] = latency.milliseconds(0.99)
        figures["server µs/track"] = tracked.server / number * 1e6
        figures["server µs/track by 50"] = batched.server / number * 1e6
        figures["Redis µs/track"] = tracked.redis / number * 1e6
        figures["Redis µs/track by 50"] = batched.redis / number * 1e6
        figures.add(tracked)
        return figures
    }
}
