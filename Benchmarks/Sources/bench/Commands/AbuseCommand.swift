// Rollcall · bench

import ArgumentParser
import Glibc
import LoadGenerator

/// Abuses a node.
///
/// The suite `abuse` runs it, because the work of the abuser must not delay the clients that the suite measures.
struct AbuseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "abuse",
        abstract: "Sends what a node must refuse; prints READY at the first refusal, and then their number.")

    @Argument(help: "What to send: \(Abuse.allCases.map(\.rawValue).joined(separator: ", ")).")
    var kind: Abuse

    @Option(help: "The port on 127.0.0.1.")
    var port: UInt16

    @Option(help: "The token of a user.")
    var token: String

    @Option(help: "Seconds.")
    var seconds = 600.0

    func run() throws {
        OpenFiles.raise()
        Interruption.listen()
        let reactor = Reactor()
        let abuser = try Abuser(kind, token: token, port: port, on: reactor)
        defer { abuser.close() }
        let end = Clock.now + UInt64(seconds * 1e9)
        var isReady = false
        while Clock.now < end {
            try abuser.run(until: Clock.now + 100 * Clock.millisecond)
            guard abuser.refused > 0 else { continue }
            if !isReady { print("READY") }
            isReady = true
            print(abuser.refused)
            fflush(nil)
        }
    }
}
