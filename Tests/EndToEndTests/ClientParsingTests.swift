// Rollcall · EndToEndTests

import Basics
import JSONText
import Logging
import PresenceModel
import Synchronization
import Testing

@testable import rollcall

@Suite("Input of the commands")
struct ClientParsingTests {
    private static let stream = """
        \u{feff}retry: 2500
        : lobby, 1 key, 1 presence

        id: 0123456789abcdef-1
        event: presence_state
        data: {"ü":{"metas":[]}}

        event:ping\r\ndata\r\n\r\nid: 0123456789abcdef-2

        data: one\rdata:two\r\rdata: never dispatched
        """

    @Test(arguments: [1, 2, 7, 4096])
    func `A stream read byte by byte, in pieces or at once gives the same events`(size: Int) {
        var parser = ServerSentEventParser()
        var events: [ServerSentEvent] = []
        let bytes = Array(Self.stream.utf8)
        for start in stride(from: 0, to: bytes.count, by: size) {
            events += parser.feed(bytes[start..<min(start + size, bytes.count)])
        }
        #expect(
            events == [
                ServerSentEvent(name: "presence_state", data: #"{"ü":{"metas":[]}}"#),
                ServerSentEvent(name: "ping", data: ""),
                ServerSentEvent(name: "message", data: "one\ntwo"),
            ])
        #expect(parser.retry == 2500)
        #expect(parser.lastEventID == "0123456789abcdef-2")
    }

    @Test func `The end of a stream gives its reason, and is final where a reconnect is of no use`() throws {
        let draining = ServerSentEvent(name: "end", data: #"{"reason":"draining","reconnect":true}"#)
        #expect(try LiveStream.reason(of: draining) == "the service ended the stream (draining)")
        let gone = ServerSentEvent(name: "end", data: #"{"reason":"topic-gone","reconnect":false}"#)
        #expect(throws: ProgramError.self) { try LiveStream.reason(of: gone) }
        #expect(try LiveStream.reason(of: ServerSentEvent(name: "end", data: "")).hasSuffix("(no reason)"))
    }

    @Test func `A roster folds a state and diffs, and returns the changes`() throws {
        var roster = WatchedRoster()
        let joined = try lines(roster.replace(with: JSON(parsing: #"{"a":{"metas":[{"n":1.0,"phx_ref":"r1"}]}}"#)))
        #expect(joined == [#"+ a {"n":1.0}"#])

        let updated = try lines(
            roster.apply(
                JSON(
                    parsing: """
                        {"joins":{"a":{"metas":[{"phx_ref":"r2","phx_ref_prev":"r1"}]},"b":{"metas":[{"phx_ref":"r3"}]}},
                        "leaves":{"a":{"metas":[{"n":1.0,"phx_ref":"r1"}]}},"reasons":{}}
                        """)))
        #expect(updated == ["~ a {}", "+ b {}"])
        #expect(roster.keyCount == 2)

        let left = try lines(
            roster.apply(
                JSON(
                    parsing: """
                        {"joins":{},"leaves":{"b":{"metas":[{"phx_ref":"r3"}]},"c":{"metas":[{"phx_ref":"r9"}]}},
                        "reasons":{"r3":"expired","r9":"expired"}}
                        """)))
        #expect(left == ["- b expired"])

        let lost = try lines(roster.replace(with: JSON(parsing: "{}")))
        #expect(lost == ["- a lost"])
        #expect(roster.presenceCount == 0)
    }

    @Test func `Canonically equivalent names are two keys`() throws {
        var roster = WatchedRoster()
        _ = roster.replace(
            with: try JSON(
                parsing: "{\"\u{fc}\":{\"metas\":[{\"phx_ref\":\"1\"}]},\"u\u{308}\":{\"metas\":[{\"phx_ref\":\"2\"}]}}"
            ))
        #expect(roster.keyCount == 2)
    }

    @Test func `Control characters of a stranger cannot steer the terminal`() {
        #expect(Terminal.harmless("a\u{1b}[2Jb\u{202e}c\u{9b}d\n") == "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d\u{fffd}")
    }

    @Test func `URLs encode all but unreserved characters, and keep the path of a proxy`() throws {
        let service = try ServiceURL(flag: "https://example.org/live//", environment: [:])
        #expect(
            service.topic("a/b ü", "presences", "%", query: [("meta", #"{"a":1}"#)])
                == "https://example.org/live/v1/topics/a%2Fb%20%C3%BC/presences/%25?meta=%7B%22a%22%3A1%7D")
        #expect(try ServiceURL(flag: nil, environment: [:]).description == "http://127.0.0.1:4000")
        #expect(try ServiceURL(flag: nil, environment: ["ROLLCALL_URL": "http://a"]).description == "http://a")
        #expect(throws: ProgramError.self) { try ServiceURL(flag: "localhost:4000", environment: [:]) }
    }

    @Test(arguments: LogFormat.allCases)
    func `A log line is one line, and a JSON line one object, for any message`(format: LogFormat) throws {
        let written = Mutex("")
        var handler = LineLogHandler(label: "test", level: .info, format: format) { line in
            written.withLock { $0 += line }
        }
        handler[metadataKey: "level"] = "a \"field\""
        handler.log(
            event: LogEvent(
                level: .info, message: "one\ntwo\u{2028}\u{85}", metadata: ["id": "x1", "topic": "a\u{2029}b"],
                source: nil, file: #file,
                function: #function, line: #line))
        let line = written.withLock { $0 }
        #expect(line.hasSuffix("\n") && line.count { $0 == "\n" } == 1)
        guard format == .json else {
            #expect(line.contains(#"one\ntwo\u2028\u0085 id=x1 level="a \"field\"" topic="a\u2029b""#))
            return
        }
        let object = try JSON(parsing: String(line.dropLast()))
        #expect(object["message"]?.string == "one\ntwo\u{2028}\u{85}")
        #expect(!line.unicodeScalars.contains { $0.value == 0x85 || 0x2028...0x2029 ~= $0.value })
        #expect(object["level"]?.string == "info")
        #expect(object["field.level"]?.string == #"a "field""#)
        #expect(object["id"]?.string == "x1")
    }

    @Test(
        arguments: [
            (1_000, [1_000, 2_000, 4_000, 8_000, 15_000, 15_000]), (100, [100, 200, 400, 800, 1_600, 3_200, 3_200]),
            (60_000, [15_000, 15_000]), (Int.max, [15_000, 15_000]), (0, [0, 0]),
        ])
    func `The pauses of a stream double from the retry of the service, 32 times it and 15 s at most`(
        retry: Int, steps: [Int]
    ) {
        let backoff = LiveStream.backoff(retry: retry)
        let pauses = steps.indices.map { backoff.pause(failures: $0 + 1, jitter: 1) }
        #expect(pauses == steps.map(Duration.milliseconds))
    }

    private func lines(_ changes: [WatchedRoster.Change]) -> [String] { changes.map(RosterText.line) }
}
