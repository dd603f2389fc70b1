// Rollcall · rollcall

import ArgumentParser
import Foundation

/// The program.
@main
struct Rollcall: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollcall", abstract: "Who is here, right now? A presence service.", version: "0.1.0",
        subcommands: [
            ServeCommand.self, DevCommand.self, MigrateCommand.self, ListCommand.self, WatchCommand.self,
            TrackCommand.self,
        ])

    static func main() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let error as ProgramError {
            Terminal.writeError("rollcall: \(error)\n")
            Foundation.exit(error.code.rawValue)
        } catch {
            exit(withError: error)
        }
    }
}
