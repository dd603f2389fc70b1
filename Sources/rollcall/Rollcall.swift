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
            TrackCommand.self, APIKeyCommand.self, TokenCommand.self,
        ])

    static func main() async {
        StandardStreams.surviveLoss()
        do {
            try ThreadLimit.check()
            try refuseRepeatedFlags(CommandLine.arguments.dropFirst())
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let error as ProgramError {
            end(error.description, code: error.code.rawValue)
        } catch {
            // Help and the version are no errors: ArgumentParser prints them.
            guard exitCode(for: error) != .success else { exit(withError: error) }
            end("\(message(for: error)) (rollcall help shows the usage)", code: exitCode(for: error).rawValue)
        }
    }

    /// Ends the program with one line on standard error, which shows no password and no control character.
    private static func end(_ message: String, code: Int32) -> Never {
        let lines = Secrets.hidden(in: message).split(whereSeparator: \.isNewline).map { Terminal.harmless(String($0)) }
        let text = lines.joined(separator: code == ProgramError.Code.usage.rawValue ? " " : "\n")
        Terminal.writeError("rollcall: \(text)\n")
        Foundation.exit(code)
    }

    /// Throws if a flag is given twice, because the parser would silently take the last one.
    static func refuseRepeatedFlags(_ arguments: some Sequence<String>) throws(ProgramError) {
        var seen: Set<Substring> = []
        for argument in arguments {
            if argument == "--" { return }
            let name = argument.prefix { $0 != "=" }
            if name.hasPrefix("--"), !seen.insert(name).inserted {
                throw .usage("\(Terminal.quoted(String(name))) is given twice")
            }
        }
    }
}
