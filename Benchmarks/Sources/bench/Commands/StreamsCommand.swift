// Rollcall · bench

import ArgumentParser
import Glibc
import LoadGenerator

/// Opens streams on any server.
///
/// The suite `idle` runs two of these, because one process may have too few open files.
struct StreamsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "streams", abstract: "Opens streams, prints READY when all are open, and then their counts.")

    @Option(help: "The port on 127.0.0.1.")
    var port: UInt16

    @Option(help: "The path; {i} is the number of the stream, {t} that of its topic.")
    var path: String

    @Option(help: "The number of streams.")
    var count = 100

    @Option(help: "The number of the first stream.")
    var first = 0

    @Option(help: "The number of topics; stream i is on topic i modulo this number.")
    var topics = 1

    @Option(help: "Seconds to keep them after all are open.")
    var seconds = 10.0

    @Option(help: "Every n-th stream stops reading; 0: none.")
    var slowEvery = 0

    func run() throws {
        OpenFiles.raise()
        Interruption.listen()
        let reactor = Reactor()
        var options = StreamOptions(count: count, port: port, path: StreamPath(path, topics: topics, first: first))
        options.readTimes(firstOnly: true)
        options.sources = 1 + count / 20_000
        options.slowEvery = slowEvery
        let fleet = StreamFleet(options, on: reactor)
        defer { fleet.close() }
        try fleet.open(seconds: 300)
        print("READY")
        fflush(nil)
        let cpu = ProcessAccount.cpuSeconds(getpid())
        try reactor.run(seconds: seconds)
        let counters = fleet.counters
        print(
            "open \(counters.opened), closed \(counters.closed), states \(counters.states), diffs \(counters.diffs), "
                + "others \(counters.others), bytes \(counters.bytes), p50 ms \(fleet.latency.milliseconds(0.5)), "
                + "p99 ms \(fleet.latency.milliseconds(0.99)), "
                + "CPU s \(ProcessAccount.cpuSeconds(getpid()) - cpu)")
    }
}
