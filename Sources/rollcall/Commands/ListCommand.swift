// Rollcall · rollcall

import ArgumentParser
import Basics
import JSONText
import PresenceModel

/// The command `rollcall list TOPIC`.
struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show the keys that are present on a topic.",
        discussion: "One line a key: the key, the number of its presences, and their metas.")

    @Argument(help: "The topic, such as room:lobby.")
    var topic: String

    @Flag(help: "Print the service's own JSON document.")
    var json = false

    @OptionGroup var client: ClientOptions

    func run() async throws {
        _ = try ProgramError.reading("TOPIC") { () throws(InputError) in try Topic(topic) }
        let document = try await client.withClient { [topic] client in
            try await client.get(client.service.topic(topic, "presences"))
        }
        if json {
            let text = String(decoding: document.compact, as: UTF8.self)
            return Terminal.writeOutput(Terminal.escapedJSON(text) + "\n")
        }
        guard let presences = document["presences"] else {
            throw ProgramError.unavailable("the service does not answer with a list: is it Rollcall?")
        }
        var roster = WatchedRoster()
        // A credential that sees counts only gets a number here.
        _ = presences.isObject ? roster.replace(with: presences) : roster.count(document)
        var lines = [RosterText.summary(of: topic, roster)]
        if document["stale"]?.bool == true { lines[0] += " (stale: the service cannot reach its Redis)" }
        lines += RosterText.rows(of: roster)
        Terminal.writeOutput(lines.joined(separator: "\n") + "\n")
    }
}
