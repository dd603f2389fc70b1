// Rollcall · bench

import ArgumentParser

@main
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measures Rollcall, its peers and the limits of the machine.",
        subcommands: [RunCommand.self, GuardCommand.self, FloorCommand.self, StreamsCommand.self, AbuseCommand.self],
        defaultSubcommand: RunCommand.self)
}
