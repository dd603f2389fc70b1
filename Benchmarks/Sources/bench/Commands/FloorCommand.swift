// Rollcall · bench

import ArgumentParser
import LoadGenerator

/// The peer `floor`.
struct FloorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "floor", abstract: "Writes each POST body to every open stream, and does nothing else.")

    @Argument(help: "The port to listen on.")
    var port: UInt16

    func run() throws {
        OpenFiles.raise()
        Interruption.listen()
        let reactor = Reactor()
        let server = try FloorServer(port: port, on: reactor)
        defer { server.close() }
        try reactor.run(until: .max)
    }
}
