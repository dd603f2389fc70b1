// Rollcall · bench

import ArgumentParser

@main
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measures Rollcall beside its peers and what the machine allows.",
        subcommands: [RunCommand.self, GuardCommand.self, FloorCommand.self, StreamsCommand.self],
        defaultSubcommand: RunCommand.self)
}
