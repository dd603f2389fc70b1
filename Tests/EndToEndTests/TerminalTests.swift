// Rollcall · EndToEndTests

import Foundation
import JSONText
import Logging
import TestSupport
import Testing

@testable import rollcall

@Suite("The terminal")
struct TerminalTests {
    private static let harmful = [
        "\u{1b}[2J", "\u{9b}2J", "\u{85}", "\u{2028}", "\u{2029}", "\u{202e}", "\u{2066}", "\u{200f}",
    ]

    @Test(arguments: harmful)
    func `characters that a terminal would obey or hide are replaced`(text: String) {
        let shown = Terminal.harmless("a\(text)b")
        #expect(shown.hasPrefix("a\u{fffd}") && shown.hasSuffix("b"))
        #expect(Terminal.harmless("Grüße 🙂 e\u{301}") == "Grüße 🙂 e\u{301}")
    }

    @Test func `JSON escapes characters that a terminal would obey, and keeps its meaning`() throws {
        let name = Self.harmful.dropFirst().joined() + "\u{e0001}ü🙂"
        let json = #"{"name":"\#(name)"}"#
        let shown = Terminal.escapedJSON(json)
        #expect(shown.unicodeScalars.allSatisfy { !["Cc", "Cf"].contains("\($0.properties.generalCategory)") })
        #expect(!shown.contains("\u{9b}") && shown.contains(#"\u009b"#) && shown.contains("ü🙂"))
        #expect(try JSONValue(parsing: shown)["name"]?.string == name)
        #expect(Terminal.escapedJSON(#"{"a":1}"#) == #"{"a":1}"#)
    }

    @Test func `list shows no character that a terminal would obey`() async throws {
        try await withRedis { redis in
            try await withRollcall(redis: redis, environment: ["ROLLCALL_REDIS_PREFIX": uniquePrefix()]) { node in
                let path = RollcallClient.path(topic: "lobby", "presences", "a\u{202e}b", "s")
                #expect(try await node.client.put(path, #"{"meta":{"x":"\u009b2J\u2028\u202e"}}"#).status == 201)
                for flags in [[], ["--json"]] {
                    let outcome = try await RollcallProcess.run(
                        ["list", "lobby"] + flags, environment: ["ROLLCALL_URL": node.url])
                    let isClean = outcome.output.unicodeScalars.allSatisfy { scalar in
                        scalar == "\n" || Terminal.harmless(String(scalar)) == String(scalar)
                    }
                    #expect(outcome.code == 0 && isClean && outcome.output.contains("b"))
                }
            }
        }
    }
}

@Suite("The output of the log")
struct LogOutputTests {
    private func withPipe(_ body: (_ reading: Int32, _ writing: Int32) throws -> Void) throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        try body(ends[0], ends[1])
    }

    private func drain(_ descriptor: Int32) -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var asked = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while poll(&asked, 1, 0) > 0 {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func `a reader that does not read stops no writer, and later gets the number of lost lines`() throws {
        try withPipe { reading, writing in
            let output = LogOutput(descriptor: writing) { "lost \($0)\n" }
            let line = String(repeating: "x", count: 1_000) + "\n"
            let start = ContinuousClock.now
            for _ in 0..<1_000 { output.write(line) }
            #expect(ContinuousClock.now - start < .seconds(2) * patience)
            let first = drain(reading)
            #expect(first.count > 30_000)
            output.write("after\n")
            output.write("later\n")
            let rest = drain(reading)
            let text = (first + rest).split(separator: "\n")
            let missed = try #require(text.first { $0.hasPrefix("lost ") }).dropFirst(5)
            #expect(text.suffix(2) == ["after", "later"])
            #expect(text.count { $0.count == 1_000 } + (Int(missed) ?? 0) == 1_000)
        }
    }

    @Test func `a slow reader stops a writer once, not at each line that gets through`() async throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        let (reading, writing) = (ends[0], ends[1])
        defer { for end in ends { close(end) } }
        let output = LogOutput(descriptor: writing) { "lost \($0)\n" }
        let line = String(repeating: "x", count: 1_000) + "\n"
        // Fills the pipe, so that a line gets through only after a read.
        for _ in 0..<200 { output.write(line) }
        let isOver = Recorder<Bool>()
        let slow = Task {
            var buffer = [UInt8](repeating: 0, count: 4_096)
            for _ in 0..<30 {
                try await Task.sleep(for: .milliseconds(120))
                _ = read(reading, &buffer, buffer.count)
            }
            isOver.record(true)
        }
        var stalls = 0
        while isOver.all.isEmpty {
            let start = ContinuousClock.now
            output.write(line)
            if ContinuousClock.now - start > .milliseconds(60) { stalls += 1 }
            try await Task.sleep(for: .milliseconds(1))
        }
        try await slow.value
        // A busy machine may delay a write now and then; without the rule each of the 30 reads brings a stall.
        #expect(stalls < 12)
    }

    @Test func `a writer waits again for a reader that has kept up for the recovery time`() throws {
        try withPipe { reading, writing in
            let output = LogOutput(descriptor: writing, recovery: .zero) { "lost \($0)\n" }
            let line = String(repeating: "x", count: 1_000) + "\n"
            for _ in 0..<200 where takesBytes(writing) { output.write(line) }
            output.write(line)
            let start = ContinuousClock.now
            output.write(line)
            #expect(ContinuousClock.now - start >= LogOutput.delayAllowance / 2)
            #expect(drain(reading).count > 30_000)
        }
    }

    /// Whether the pipe still takes bytes.
    private func takesBytes(_ descriptor: Int32) -> Bool {
        var asked = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&asked, 1, 0) > 0
    }

    @Test func `a line that is longer than one write to a pipe arrives whole`() throws {
        try withPipe { reading, writing in
            let output = LogOutput(descriptor: writing) { _ in "" }
            let line = String(repeating: "ü", count: 10_000) + "\n"
            output.write(line)
            #expect(drain(reading) == line)
        }
    }

    @Test(arguments: [LogFormat.text, .json])
    func `a log line holds no character that a terminal would obey, and no line end but its own`(format: LogFormat) {
        let lines = Recorder<String>()
        let logger = Logger(label: "test") { _ in
            LineLogHandler(label: "test", level: .info, format: format, write: lines.record)
        }
        let text = "a\u{1b}[2J\u{9b}2J\u{2028}\u{202e}\u{85}\r\nb"
        logger.info("\(text)", metadata: ["name": "\(text)", "other": "x\u{202e}y"])
        let line = lines.all.joined()
        #expect(line.hasSuffix("\n") && line.dropLast().unicodeScalars.allSatisfy { !Terminal.isHarmful($0) })
    }

    @Test(arguments: [LogFormat.text, .json])
    func `the line about lost lines has the format of the others`(format: LogFormat) throws {
        let line = LineLogHandler.lostLine(count: 7, format: format)
        #expect(line.hasSuffix("\n") && line.contains("log: lines lost"))
        if format == .json { #expect(try JSONValue(parsing: line)["lines"] == "7") }
    }
}
