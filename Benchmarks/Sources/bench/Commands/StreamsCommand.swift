// Rollcall · bench

import ArgumentParser
import Glibc
import LoadGenerator

/// Streams alone, against any server; the suite `idle` runs several, since one process may have too few files.
struct StreamsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "streams", abstract: "Opens streams and says what came, once READY is printed.")

    @Option(help: "The port on 127.0.0.1.")
    var port: UInt16

    @Option(help: "The path; {i} is the stream's number, {t} that of its topic.")
    var path: String

    @Option(help: "How many.")
    var count = 100

    @Option(help: "The number of the first.")
    var first = 0

    @Option(help: "Stream i is on topic i modulo so many.")
    var topics = 1

    @Option(help: "Seconds from when all are open.")
    var seconds = 10.0

    @Option(help: "Every so many-th stream stops reading.")
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
