// Rollcall · bench

import Glibc
import LoadGenerator

extension Suite {
    /// Presences that do nothing, over two nodes.
    static let idle = Suite(
        name: "idle", title: "Stream-bound presences that do nothing, over two nodes", unit: "presences",
        sizes: [100_000], subjects: [.rollcall], headline: "node % of a core", moreIsBetter: false,
        scalingBase: 4_000
    ) { subject, size, setting throws(LoadError) in
        let service = try setting.launcher.start(subject, nodes: 2)
        defer { service.end() }
        let files = OpenFiles.raise() - 500
        let perNode = min(size / 2, files)
        let topics = max(1, perNode * 2 / 100)
        let bytesBefore = ProcessAccount.bytes(service.pids)
        let redisBefore = ProcessAccount.bytes(service.redis!.child.pid)

        // Each holder is a process with its own limit on open files.
        var holders: [Child] = []
        defer { for holder in holders { holder.end() } }
        for (number, node) in service.nodes.enumerated() {
            let log = "/tmp/rollcall-bench-streams-\(getpid())-\(number)"
            defer { unlink(log) }
            let holder = try Child(
                Launcher.ownProgram,
                [
                    "streams", "--port", "\(node.port)", "--path", Crowd.path, "--count", "\(perNode)",
                    "--first", "\(number * perNode)", "--topics", "\(topics)", "--seconds", "3600",
                ],
                log: log)
            holders.append(holder)
            try holder.await(seconds: 300) { holder.output.hasPrefix("READY") }
        }
        try Interruption.sleep(milliseconds: setting.isQuick ? 2_000 : 10_000)

        let cost = Cost(of: service)
        let holding = ProcessAccount.cpuSeconds(holders.map(\.pid))
        try Interruption.sleep(milliseconds: setting.isQuick ? 12_000 : 30_000)
        let spent = cost.soFar()
        let count = Double(perNode * 2)
        var figures = Figures()
        figures["streams"] = count
        figures["node % of a core"] = spent.server / spent.seconds / 2 * 100
        figures["Redis % of a core"] = spent.redis / spent.seconds * 100
        figures["node KB each"] = Double(ProcessAccount.bytes(service.pids) - bytesBefore) / count / 1024
        figures["Redis bytes each"] =
            Double(ProcessAccount.bytes(service.redis!.child.pid) - redisBefore) / count
        figures["seconds"] = spent.seconds
        figures["server CPU s"] = spent.server
        figures["Redis CPU s"] = spent.redis
        figures["load CPU s"] = ProcessAccount.cpuSeconds(holders.map(\.pid)) - holding
        return figures
    }
}
