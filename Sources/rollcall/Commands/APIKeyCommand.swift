// Rollcall · rollcall

import Access
import ArgumentParser
import Basics
import JSONText

/// The command `rollcall apikey`.
struct APIKeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apikey", abstract: "Make an API key for a backend.",
        discussion: """
            The first line is the key, which is shown only here. The second is its entry for ROLLCALL_API_KEYS, with \
            the hash in place of the key.
            """)

    @Option(help: ArgumentHelp("The rights of the key, as JSON.", valueName: "json"))
    var rights = #"{"topic_prefixes":{"":["track:any","see"]},"service":["enrich"]}"#

    func run() throws {
        let rights = try ProgramError.reading("--rights") { [text = rights] () throws(InputError) in
            let json = try JSON(parsing: text)
            _ = try Rights(json, of: .apiKey)
            return String(decoding: json.compact, as: UTF8.self)
        }
        let (id, text) = APIKey.draw()
        let members = rights == "{}" ? "" : "," + rights.dropFirst().dropLast()
        Terminal.writeOutput("\(text)\n{\"id\":\"\(id)\",\"sha256\":\"\(APIKey.sha256(of: text))\"\(members)}\n")
    }
}
