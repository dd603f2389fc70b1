// Rollcall · rollcall

import ArgumentParser
import Basics
import JSONText
import PresenceModel

/// The command `rollcall track TOPIC KEY`.
struct TrackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "track", abstract: "Be present on a topic until Ctrl-C.",
        discussion: "Opens a stream with a presence; at Ctrl-C the presence leaves at once.")

    @Argument(help: "The topic, such as room:lobby.")
    var topic: String

    @Argument(help: "The key that is present, such as alice.")
    var key: String

    @Option(help: ArgumentHelp("The meta of the presence: a JSON object.", valueName: "json"))
    var meta = "{}"

    @Option(help: ArgumentHelp("The name of this tab or device of the key. (default: random)", valueName: "name"))
    var session: String?

    @OptionGroup var client: ClientOptions

    func run() async throws {
        let (topic, key, meta) = (topic, key, meta)
        let session = session ?? "\(Session.random())"
        _ = try ProgramError.reading("TOPIC") { () throws(InputError) in try Topic(topic) }
        _ = try ProgramError.reading("KEY") { () throws(InputError) in try Key(key) }
        _ = try ProgramError.reading("--session") { () throws(InputError) in try Session(session) }
        // The service bounds the length of a meta.
        _ = try ProgramError.reading("--meta") { () throws(InputError) in
            try Meta(JSON(parsing: meta), limit: .max)
        }
        try await client.withClient { client in
            // This stream only keeps the presence, and the count is the smallest view. A user may have no right to it.
            let view = client.hasToken ? [] : [("view", "count")]
            let url = client.service.topic(
                topic, "events", query: [("key", key), ("session", session), ("meta", meta)] + view)
            try await Interrupt.cancels {
                try await LiveStream(client: client, url: url).follow { step in
                    try report(step, "\(key) on \(topic), session \(session)")
                }
            }
            try await client.delete(client.service.topic(topic, "presences", key, session))
            Terminal.writeOutput("untracked \(Terminal.harmless("\(key) on \(topic)"))\n")
        }
    }
}

/// Prints the state of the presence; throws when the presence or the stream ends.
private func report(_ step: LiveStream.Step, _ presence: String) throws {
    let presence = Terminal.harmless(presence)
    switch step {
    case .opened: break
    case .lost(let reason, let pause): Terminal.writeError("rollcall: \(reason); again in \(pause.inWords)\n")
    case .event(let event):
        switch event.name {
        case "tracked": Terminal.writeOutput("tracked \(presence); Ctrl-C ends it\n")
        case "untracked": throw ProgramError.refused("\(presence): untracked by another client")
        case "error":
            let problem = try? JSON(answer: Array(event.data.utf8))
            throw ProgramError.refused(ServiceClient.sentence(of: problem) ?? "the service ended the stream")
        default: break
        }
    }
}
