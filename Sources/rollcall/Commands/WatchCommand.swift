// Rollcall · rollcall

import ArgumentParser
import Basics
import JSONText
import PresenceModel

/// The command `rollcall watch TOPIC`.
struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Follow the joins and leaves on a topic.",
        discussion: """
            In a terminal: a roster that redraws itself. In a pipe: one line a change, + for a join, ~ for an update, \
            - with its reason for a leave; = for the counts, if the credential allows no more. After a lost \
            connection the stream resumes at its last event.
            """)

    @Argument(help: "The topic, such as room:lobby.")
    var topic: String

    @OptionGroup var client: ClientOptions

    func run() async throws {
        let topic = topic
        _ = try ProgramError.reading("TOPIC") { () throws(InputError) in try Topic(topic) }
        try await client.withClient { client in
            let stream = LiveStream(client: client, url: client.service.topic(topic, "events"))
            try await Interrupt.cancels {
                Terminal.outputIsTerminal ? try await redraw(stream, topic) : try await print(stream)
            }
        }
    }
}

/// Shows the roster on the whole terminal.
private func redraw(_ stream: LiveStream, _ topic: String) async throws {
    let screen = RosterScreen(topic: topic)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await screen.run() }
        group.addTask {
            var roster = WatchedRoster()
            var state = "live"
            try await stream.follow { step in
                switch step {
                case .opened:
                    state = "live"
                    await screen.show(state: state)
                case .lost(let reason, let pause): await screen.show(state: "\(reason); again in \(pause.inWords)")
                case .event(let event):
                    _ = try roster.take(event)
                    if event.name == "degraded" { state = "degraded" }
                    if event.name == "recovered" { state = "live" }
                    await screen.show(roster, state: state)
                }
            }
        }
        // The stream ends only with an error; the screen must be restored before the error is shown.
        defer { group.cancelAll() }
        try await group.next()
    }
}

/// Prints changes on standard output and what happens to the connection on standard error.
private func print(_ stream: LiveStream) async throws {
    var roster = WatchedRoster()
    try await stream.follow { step in
        switch step {
        case .opened: break
        case .lost(let reason, let pause): Terminal.writeError("rollcall: \(reason); again in \(pause.inWords)\n")
        case .event(let event):
            let lines = try roster.take(event).map { RosterText.line(for: $0) + "\n" }
            if !lines.isEmpty { Terminal.writeOutput(lines.joined()) }
            if event.name == "degraded" { Terminal.writeError("rollcall: the service cannot reach its Redis\n") }
            if event.name == "recovered" { Terminal.writeError("rollcall: the service reaches its Redis again\n") }
        }
    }
}

extension WatchedRoster {
    /// Folds an event and returns its changes; none for an event that is not about presences.
    fileprivate mutating func take(_ event: ServerSentEvent) throws -> [Change] {
        switch event.name {
        case "presence_state": replace(with: try JSON(event))
        case "presence_diff": apply(try JSON(event))
        case "presence_count": count(try JSON(event))
        default: []
        }
    }
}

extension JSON {
    /// Reads the data of an event.
    fileprivate init(_ event: ServerSentEvent) throws(InputError) {
        try self.init(answer: Array(event.data.utf8))
    }
}

extension Duration {
    /// The duration in seconds, as `1.2 s`.
    var inWords: String {
        let tenths = wholeMilliseconds / 100
        return "\(tenths / 10).\(tenths % 10) s"
    }
}
