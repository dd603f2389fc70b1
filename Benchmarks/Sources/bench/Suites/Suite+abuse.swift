// Rollcall · bench

import Glibc
import LoadGenerator

extension Suite {
    /// Subscribers of one topic, beside one client that goes past a limit.
    static let abuse = Suite(
        name: "abuse", title: "One diff at a time, beside one client past each limit", unit: "subscribers",
        sizes: [10_000], subjects: [.rollcall], headline: "worst p99 × alone", moreIsBetter: false,
        growth: ["server CPU s"], scalingBase: 1_250
    ) { subject, size, setting throws(LoadError) in
        let service = try setting.launcher.start(subject, environment: Abuse.settings)
        defer { service.end() }
        let room = try Room(size, of: service)
        defer { room.close() }
        try room.publishOneByOne(setting.repetitions(5))

        let count = setting.repetitions(20)
        var (spent, worst) = (Spent(), 0.0)
        var figures = Figures()
        for kind in Abuse.allCases {
            // Just before, because the load of the machine changes.
            let alone = try measure()
            let user = try SampleUser(kind.rawValue, by: setting.launcher.program)
            let log = "/tmp/rollcall-bench-abuse-\(getpid())"
            defer { unlink(log) }
            let abuser = try Child(
                Launcher.ownProgram, ["abuse", kind.rawValue, "--port", "\(service.port)", "--token", user.token],
                log: log)
            defer { abuser.end() }
            try abuser.await(seconds: 60) { abuser.output.hasPrefix("READY") }
            let beside = try measure(abuser)
            guard beside.refused > 0 else { throw LoadError("no \(kind.rawValue) were refused") }

            if figures["p99 ms alone"] == nil { figures["p99 ms alone"] = alone.p99 }
            figures["p99 ms, \(kind.rawValue)"] = beside.p99
            worst = max(worst, beside.p99 / alone.p99)
            let share = (beside.share - alone.share) * 100
            switch kind {
            case .tokens, .spreadTokens:
                figures["% of a core per 1,000 \(kind.rawValue)/s"] = share / beside.refused * 1e3
            case .requests, .streams, .bodies: figures["% of a core, \(kind.rawValue)"] = share
            }
        }
        figures["worst p99 × alone"] = worst
        figures.add(spent)
        return figures

        /// Measures changes, and then the node's share of a core and the refusals in a second, while nothing changes.
        func measure(_ abuser: Child? = nil) throws(LoadError) -> (p99: Double, share: Double, refused: Double) {
            room.streams.clearCounts()
            spent += try room.publishOneByOne(count)
            let p99 = room.streams.latency.milliseconds(0.99)
            let before = abuser.map(refusals) ?? 0
            let cost = Cost(of: service)
            try room.reactor.run(seconds: setting.isQuick ? 1 : 3)
            let pause = cost.soFar()
            let refused = Double((abuser.map(refusals) ?? 0) - before)
            return (p99, pause.server / pause.seconds, refused / pause.seconds)
        }
    }

    /// The number that an abuser printed last.
    private static func refusals(_ abuser: Child) -> Int {
        abuser.output.split(separator: "\n").last.flatMap { Int($0) } ?? 0
    }
}
