// Rollcall · LocalServicesTests

import TestSupport
import Testing

@Suite("The event stream parser")
struct SSEParserTests {
    private func events(_ text: String) -> [SSEEvent] {
        self.events(Array(text.utf8))
    }

    private func events(_ bytes: [UInt8]) -> [SSEEvent] {
        var parser = SSEParser()
        return parser.feed(bytes).compactMap { if case .event(let event) = $0 { event } else { nil } }
    }

    @Test(arguments: ["\n", "\r", "\r\n"])
    func `LF, CR and CRLF end a line, in any mix`(end: String) {
        let text = ["id: 7", "event: greeting", "data: a", "data: b", "", ""].joined(separator: end)
        #expect(self.events(text) == [SSEEvent(name: "greeting", data: "a\nb", id: "7", lastEventID: "7")])
        #expect(self.events("data: a\r\rdata: b\n\r\ndata: c\r\n\n").map(\.data) == ["a", "b", "c"])
    }

    @Test func `Any cut of the stream gives the same items`() {
        let text =
            "\u{FEFF}retry: 15\r\n: hello\r\n\r\nid: 1\r\ndata: ü\r\ndata:  two\r\n\r\rid: 2\n\nevent: ping\ndata\n\ndata: lost"
        let bytes = Array(text.utf8)
        var whole = SSEParser()
        let expected = whole.feed(bytes)
        #expect(
            expected == [
                .retry(15), .comment("hello"), .idle(lastEventID: ""),
                .event(SSEEvent(name: "message", data: "ü\n two", id: "1", lastEventID: "1")),
                .idle(lastEventID: "2"),
                .event(SSEEvent(name: "ping", data: "", id: nil, lastEventID: "2")),
            ])
        for cut in bytes.indices {
            var parser = SSEParser()
            #expect(parser.feed(bytes[..<cut]) + parser.feed(bytes[cut...]) == expected)
        }
    }

    @Test func `Only one space after the colon is removed`() {
        #expect(self.events("data:a\ndata: b\ndata:  c\ndata:\td\n\n").map(\.data) == ["a\nb\n c\n\td"])
    }

    @Test func `A field without a colon has an empty value; an unknown field is ignored`() {
        #expect(self.events("data\ndata\n\n").map(\.data) == ["\n"])
        #expect(self.events("Data: x\nfoo: y\ndata: z\n\n").map(\.data) == ["z"])
    }

    @Test func `A block without data dispatches nothing, and its event type is dropped`() {
        #expect(self.events("event: ping\n\ndata: x\n\n") == [SSEEvent(name: "message", data: "x")])
    }

    @Test func `An id stays until the next one; an empty one resets it; one with NUL is ignored`() {
        let events = self.events("id: a\ndata: 1\n\ndata: 2\n\nid: b\0\ndata: 3\n\nid\ndata: 4\n\n")
        #expect(events.map(\.lastEventID) == ["a", "a", "a", ""])
        #expect(events.map(\.id) == ["a", nil, nil, ""])
    }

    @Test func `The last event id moves at the end of a block, not before`() {
        var parser = SSEParser()
        _ = parser.feed("id: 5\ndata: x\n".utf8)
        #expect(parser.lastEventID == "")
        _ = parser.feed("\n".utf8)
        #expect(parser.lastEventID == "5")
    }

    @Test(arguments: ["", "-1", "1.5", "1 ", "x", "٣"])
    func `A retry with other characters than digits is ignored`(value: String) {
        var parser = SSEParser()
        #expect(parser.feed("retry: \(value)\n\n".utf8) == [.idle(lastEventID: "")])
    }

    @Test func `A byte order mark is skipped at the beginning only; broken UTF-8 is replaced`() {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        #expect(self.events(mark + Array("data: a\n\n".utf8) + mark + Array("data: b\n\n".utf8)).map(\.data) == ["a"])
        #expect(self.events(Array("data: ".utf8) + [0xFF, 0x0A, 0x0A]).map(\.data) == ["\u{FFFD}"])
    }
}
