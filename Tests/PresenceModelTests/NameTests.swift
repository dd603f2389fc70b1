// Rollcall · PresenceModelTests

import Basics
import RandomInput
import Testing

@testable import PresenceModel

@Suite("Names")
struct NameTests {
    @Test(
        arguments: [
            "room:lobby", "__proto__", "constructor", "a/b", "ü", "u\u{308}", "%", "%2F", " ", "\"", "\\", "<script>",
            "日本", "😀", "\u{A0}", "\u{2028}", "\u{FEFF}", String(repeating: "x", count: 256),
            String(repeating: "ü", count: 128),
        ])
    func `Any text of 1 to 256 bytes without control characters is a name`(text: String) throws {
        #expect(try Topic(text).text.utf8.elementsEqual(text.utf8))
        #expect(try Key(text).description == text)
        #expect(try Key(utf8: text.utf8) == Key(text))
    }

    @Test(
        arguments: [
            ("", "A topic has 1 to 256 bytes of UTF-8; this one is empty."),
            (String(repeating: "x", count: 257), "A topic has 1 to 256 bytes of UTF-8; this one has 257."),
            (String(repeating: "ü", count: 129), "A topic has 1 to 256 bytes of UTF-8; this one has 258."),
            ("a\nb", Self.control("000A", 1)), ("\0", Self.control("0000", 0)), ("ab\u{1F}", Self.control("001F", 2)),
            ("\u{7F}", Self.control("007F", 0)), ("ü\u{80}", Self.control("0080", 2)),
            ("\u{9F}", Self.control("009F", 0)), ("\u{85}", Self.control("0085", 0)),
        ])
    func `Text that is empty, too long or has a control character is refused with the reason`(
        text: String, detail: String
    ) {
        let fault = InputError(.malformed, at: .parameter("topic"), detail)
        #expect(throws: fault) { try Topic(text) }
        #expect(Key(utf8: text.utf8) == nil)
    }

    private static func control(_ scalar: String, _ position: Int) -> String {
        "A topic has no control characters (U+0000–U+001F, U+007F–U+009F); this one has U+\(scalar) at byte \(position)."
    }

    @Test(arguments: [[0xFF], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0x80]])
    func `Bytes that are not UTF-8 are no name`(bytes: [UInt8]) {
        #expect(Key(utf8: bytes) == nil)
    }

    @Test func `A fault has the place from which the caller read the name`() {
        #expect(throws: InputError.self) { try Key("") }
        let fault = #expect(throws: InputError.self) { try Key("") }
        #expect(fault?.pointer == "#/key")
        #expect(fault?.parameter == nil)
        let inBatch = #expect(throws: InputError.self) { try Topic("", at: .pointer("#/topic")) }
        #expect(inBatch?.pointer == "#/topic")
    }

    @Test func `Canonically equivalent names are two names`() throws {
        let (composed, decomposed) = (try Key("ü"), try Key("u\u{308}"))
        #expect(composed.text == decomposed.text)
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed]).count == 2)
        // The Kelvin sign and the Greek question mark are canonically K and ;.
        for (ascii, lookalike) in [("K", "\u{212A}"), (";", "\u{37E}"), ("`", "\u{1FEF}")] {
            #expect(ascii == lookalike)
            #expect(try Key(ascii) != Key(lookalike))
            #expect(try Topic(lookalike) != Topic(ascii))
            #expect(try Key(ascii) < Key(lookalike))
        }
        #expect(try Key("ü") == composed)
        #expect(try Key("ü").hashValue == composed.hashValue)
    }

    @Test func `Names sort in byte order`() throws {
        let sorted = ["", "A", "a", "aa", "ab", "room:000009", "room:000010", "u\u{308}", "z", "ü", "\u{FFFD}", "😀"]
            .dropFirst()
        #expect(try sorted.shuffled().map { try Key($0) }.sorted().map(\.text) == Array(sorted))
    }

    @Test func `Random names sort and compare by their bytes`() {
        let seed = SplitMix.freshSeed()
        var generator = SplitMix(seed: seed)
        for _ in 0..<5_000 {
            let (left, right) = (Self.randomName(using: &generator), Self.randomName(using: &generator))
            guard let first = Key(utf8: left), let second = Key(utf8: right) else { continue }
            #expect((first < second) == left.lexicographicallyPrecedes(right), "seed \(seed)")
            #expect((first == second) == (left == right), "seed \(seed)")
        }
    }

    private static func randomName(using generator: inout SplitMix) -> [UInt8] {
        (0..<Int.random(in: 1...20, using: &generator)).map { _ in
            generator.chance(90) ? UInt8(ascii: "a") : .random(in: 0x20...0x7E, using: &generator)
        }
    }
}
