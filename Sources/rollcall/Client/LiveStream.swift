// Rollcall · rollcall

import AsyncHTTPClient
import Basics
import JSONText
import NIOCore
import PresenceModel

/// A stream of events that reconnects when its connection is lost, with the cursor of the last event.
struct LiveStream: Sendable {
    /// An item that the stream passes to its caller.
    enum Step: Sendable {
        case opened
        case event(ServerSentEvent)
        /// The connection is lost; the stream reconnects after the pause.
        case lost(reason: String, pause: Duration)
    }

    let client: ServiceClient
    let url: String

    /// Follows the stream until `take` throws or the task is cancelled.
    ///
    /// It throws if the service refuses the stream or the first connection fails. After any later failure it
    /// reconnects, for ever, after growing, random pauses of at most 15 s.
    func follow(_ take: (Step) async throws -> Void) async throws {
        var cursor: String?
        var retry = 1_000
        var failures = 0
        var hasOpened = false
        while true {
            var reason = "the service ended the stream"
            do {
                let body = try await client.stream(url, after: cursor)
                hasOpened = true
                var parser = ServerSentEventParser(lastEventID: cursor)
                try await take(.opened)
                do {
                    for try await chunk in body {
                        for event in parser.feed(chunk.readableBytesView) {
                            failures = 0
                            if event.name == "end" { reason = try Self.reason(of: event) }
                            try await take(.event(event))
                        }
                        cursor = parser.lastEventID
                        retry = parser.retry ?? retry
                    }
                } catch let error where !(error is ProgramError || error is CancellationError) {
                    reason = "the connection broke"
                }
            } catch let error as ProgramError where error.code == .unavailable && hasOpened {
                reason = error.description
            }
            try Task.checkCancellation()
            failures += 1
            let pause = Self.backoff(retry: retry).pause(failures: failures)
            try await take(.lost(reason: reason, pause: pause))
            try await Task.sleep(for: pause)
        }
    }

    /// Reads why the service ends the stream; throws `refused` where a reconnect is of no use.
    static func reason(of event: ServerSentEvent) throws(ProgramError) -> String {
        let data = try? JSON(answer: Array(event.data.utf8))
        let reason = "the service ended the stream (\(Terminal.harmless(data?["reason"]?.string ?? "no reason")))"
        if data?["reconnect"]?.bool == false { throw .refused(reason) }
        return reason
    }

    /// The pauses before a reconnect: `retry` is the first step in milliseconds, as the service sent it.
    ///
    /// The longest step is 15 s, or 32 times `retry` if that is less.
    static func backoff(retry: Int) -> Backoff {
        let first = Duration.milliseconds(retry)
        return Backoff(first: first, longest: min(first * 32, .seconds(15)))
    }
}
