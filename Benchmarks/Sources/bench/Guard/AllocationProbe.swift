// Rollcall · bench

import AllocationGuard
import LoadGenerator

/// Counts the allocations of a node for its most frequent units of work.
///
/// Each figure is the median of several rounds, because a ping or a timer may fall into one.
struct AllocationProbe {
    private(set) var launcher: Launcher
    let rounds: Int

    init(_ launcher: Launcher, rounds: Int) {
        self.launcher = launcher
        self.launcher.countsAllocations = true
        self.rounds = rounds
    }

    func measure() throws(LoadError) -> [GuardedPath] {
        let flow = try replica()
        let user = GuardedCaller.user(try SampleUser("guard", by: launcher.program))
        return [
            GuardedPath("fan-out", per: "event and subscriber", try fanOut()),
            GuardedPath("diff", per: "event", flow.event),
            GuardedPath("replica", per: "message", flow.message),
            GuardedPath("track", per: "request", try track(by: .open)),
            GuardedPath("track-user", per: "request", try track(by: user)),
            GuardedPath("stream", per: "stream", try stream(by: .open)),
            GuardedPath("stream-user", per: "stream", try stream(by: user)),
        ]
    }

    /// The median of ``rounds`` rounds.
    func median(_ round: () throws(LoadError) -> AllocationCount) throws(LoadError) -> AllocationCount {
        var counts: [AllocationCount] = []
        for _ in 0..<rounds { counts.append(try round()) }
        return .median(counts)
    }

    /// The allocations of the node while the body runs.
    func allocations(
        of node: ServiceNode, during body: () throws(LoadError) -> Void
    ) throws(LoadError) -> AllocationCount {
        let before = node.allocated
        try body()
        let spent = node.allocated - before
        guard spent.number > 0 else {
            throw LoadError(
                "\(launcher.program) ran and no allocation was counted: it is linked statically, "
                    + "or \(Launcher.counterLibrary) is missing")
        }
        return spent
    }

    /// The allocations of the node a second without work, by its timers.
    func background(of node: ServiceNode) throws(LoadError) -> AllocationCount {
        let before = node.allocated
        try Interruption.sleep(milliseconds: 3_000)
        return (node.allocated - before) / 3
    }
}
