// Rollcall · PresenceTextTests

import Basics
import JSONText
import PresenceSamples
import PresenceText
import RandomInput
import Testing

@testable import PresenceModel

@Suite("Text that strict readers refuse")
struct JSONTextRulesTests {
    @Test(
        arguments: [
            (#"{"meta":{"name":"cut \ud83d"}}"#, "#/meta/name"), (#"["a",{"b":["\udc00"]}]"#, "#/1/b/0"),
            (#"{"a":{"\ud800":1}}"#, "#/a/%EF%BF%BD%EF%BF%BD%EF%BF%BD"), (#"{"a":1,"b":"\ude00\ud83d"}"#, "#/b"),
            (#"{"a":[],"b/c":[0,"\ud83d\ud83d\ude00"]}"#, "#/b~1c/1"), (#"{"a":{"b":{}},"c":"\uD83Dx"}"#, "#/c"),
        ])
    func `Half of a surrogate pair is refused with its place`(source: String, pointer: String) {
        let fault = #expect(throws: InputError.self) { try JSON(parsing: source) }
        #expect(fault?.code == .invalid)
        #expect(fault?.pointer == pointer)
        #expect(fault?.detail.contains("surrogate") == true)
    }

    @Test func `a pointer to a fault has a bound, however long names are and however deep the fault is`() {
        let name = String(repeating: "é", count: 5_000)
        let deep = String(repeating: "{\"\(name)\":", count: 100) + #""\ud800""# + String(repeating: "}", count: 100)
        let fault = #expect(throws: InputError.self) { try JSON(parsing: deep, maximumDepth: 200) }
        #expect((fault?.pointer?.utf8.count ?? .max) < 64 * 1_000)
    }

    @Test(arguments: ["\u{FFFE}", "\u{FFFF}", "\u{1FFFE}", "\u{10FFFF}", #"\ufdd0"#, #"\ufffe"#, #"\ud83f\udffe"#])
    func `Noncharacters are text`(character: String) throws {
        #expect(try meta(#"{"a":"\#(character)"}"#).json == Array(#"{"a":"\#(character)"}"#.utf8))
    }

    @Test(
        arguments: [
            (#"{"a":"x\u0000"}"#, "#/meta/a"), (#"{"\u0000":1}"#, "#/meta/%00"),
            (#"{"a":[{"b":"\\\u0000"}]}"#, "#/meta/a/0/b"),
        ])
    func `A meta with U+0000 is refused`(source: String, pointer: String) {
        let fault = #expect(throws: InputError.self) { try meta(source) }
        #expect(fault?.code == .invalid && fault?.pointer == pointer)
    }

    @Test func `An escaped backslash before u0000 is no U+0000`() throws {
        #expect(try text(meta(#"{"a":"\\u0000","b":"\u0001"}"#).json) == #"{"a":"\\u0000","b":"\u0001"}"#)
    }

    @Test func `A meta keeps and shows characters that split lines as escapes, also after a patch`() throws {
        let source = "{\"a\":\"x\u{2028}y\u{2029}\u{85}\u{7F}\u{9B}31m\",\"\u{2028}\":[\"日本 ü 😀\"]}"
        let kept = #"{"a":"x\u2028y\u2029\u0085\u007f\u009b31m","\u2028":["日本 ü 😀"]}"#
        #expect(try text(meta(source).json) == kept)
        #expect(try meta(source) == meta(kept))
        #expect(Meta(stored: Array(source.utf8)).shown == Array(kept.utf8))
        #expect(Meta(stored: Array(source.utf8)).json == Array(source.utf8))
        #expect(try JSON(parsing: kept)["a"]?.string == JSON(parsing: source)["a"]?.string)
        let patched = try meta(source).patched(by: JSON(parsing: "{\"b\":\"\u{2029}\",\"\u{2028}\":null}"), limit: 4096)
        #expect(text(patched.json) == #"{"a":"x\u2028y\u2029\u0085\u007f\u009b31m","b":"\u2029"}"#)
    }

    @Test(
        arguments: [
            (#"{"a":"\ud83d"}"#, #"{"a":"\ufffd"}"#), (#"{"a":"\ude00\ud83d"}"#, #"{"a":"\ufffd\ufffd"}"#),
            (#"{"a":"\ud83d\ude00\ud83d"}"#, #"{"a":"\ud83d\ude00\ufffd"}"#), (#"{"\u0000":1}"#, #"{"\ufffd":1}"#),
            (#"{"a":"\\ud83d"}"#, #"{"a":"\\ud83d"}"#), (#"{"a":"\\\ud83d"}"#, #"{"a":"\\\ufffd"}"#),
            (#"{"a":"\ud83d\\ude00"}"#, #"{"a":"\ufffd\\ude00"}"#), (#"{"a":"é\n"}"#, #"{"a":"é\n"}"#),
        ])
    func `Half of a surrogate pair or U+0000 in a stored meta is shown as U+FFFD`(stored: String, shown: String) throws
    {
        let meta = Meta(stored: Array(stored.utf8))
        #expect(text(meta.shown) == shown)
        #expect(throws: Never.self) { try JSON(parsing: meta.shown) }
        #expect(Meta(stored: meta.shown).shown == meta.shown)
        #expect(try text(meta.patched(by: .emptyObject, limit: 4096).json) == shown)
        var list = PresenceList(capacity: 1)
        let isTaken = try member("a").bytes.withBytes { member in
            Array(stored.utf8).withBytes { meta in
                (try? ref("r")).map { list.append(member: member, ref: $0, previous: nil, meta: meta) }
            }
        }
        #expect(isTaken == true && list.show() == nil)
        var output: [UInt8] = []
        RosterJSON().write(list, to: &output)
        #expect(text(output).contains(shown.dropLast()))
    }

    @Test func `Invalid UTF-8 in a stored meta is never sent`() {
        let backslash = UInt8(ascii: "\\")
        for bytes in [
            [0xFF], [0xED, 0xA0, 0x80], [0xC0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xE2, 0x80],
            [backslash, backslash, 0xFF], [backslash, backslash, backslash, backslash, 0x0A],
        ] as [[UInt8]] {
            let meta = Meta(stored: Array(#"{"a":""#.utf8) + bytes + Array("\"}".utf8))
            #expect(throws: Never.self) { try JSON(parsing: meta.shown) }
        }
        #expect(text(Meta(stored: Array("{\"a\":\"x\ny\"}".utf8)).shown) == #"{"a":"x\u000ay"}"#)
    }

    @Test func `A character is treated the same at every place of a text`() throws {
        let characters =
            (UInt8.min..<0x80).map { [$0] } + [[0xFF]]
            + [#"\ud83d"#, #"\u0000"#, #"\""#, #"\\"#, "\u{80}", "\u{2028}", "ü"].map { Array($0.utf8) }
        for character in characters {
            // Short texts are checked byte by byte, long ones by words.
            let alone = SafeJSON.escaped(character)
            let isJSON = (try? JSON(parsing: quoted(character))) != nil
            for place in 0..<20 {
                let before = [UInt8](repeating: UInt8(ascii: "a"), count: place)
                let after = [UInt8](repeating: UInt8(ascii: "a"), count: 20 - place)
                let whole = before + character + after
                #expect(SafeJSON.escaped(whole) == alone.map { before + $0 + after }, "\(character) at \(place)")
                #expect(((try? JSON(parsing: quoted(whole))) != nil) == isJSON, "\(character) at \(place)")
                guard isJSON else { continue }
                let object = try JSON(parsing: Array(#"{"a":"#.utf8) + quoted(whole) + Array(#","b":1}"#.utf8))
                #expect(object.members?.first?.value.compact == quoted(whole), "\(character) at \(place)")
            }
        }
    }

    private func quoted(_ text: [UInt8]) -> [UInt8] { [UInt8(ascii: "\"")] + text + [UInt8(ascii: "\"")] }

    @Test func `Safe JSON has the same value, and is its own safe form`() throws {
        let seed = SplitMix.freshSeed()
        var random = RandomJSON(generator: SplitMix(seed: seed))
        for _ in 0..<2_000 {
            let compact = Array(random.value().utf8)
            let safe = SafeJSON.escaped(compact) ?? compact
            #expect(SafeJSON.escaped(safe) == nil, "seed \(seed)")
            // A text with NUL is skipped, since NUL has no safe form.
            guard !text(compact).contains("u0000") else { continue }
            #expect(try JSON(parsing: compact).texts == JSON(parsing: safe).texts, "seed \(seed)")
        }
    }

    @Test func `A meta is at most 32 levels deep, before and after a patch`() throws {
        func nested(_ depth: Int, _ leaf: String = "1") -> String {
            String(repeating: #"{"a":"#, count: depth) + leaf + String(repeating: "}", count: depth)
        }
        #expect(try text(meta(nested(32)).json) == nested(32))
        for depth in [33, 64, 65, 1_000, 5_000] {
            let fault = #expect(throws: InputError.self) { try meta(nested(depth), limit: .max) }
            #expect(fault?.code == .invalid && fault?.pointer == "#/meta")
            #expect(fault?.detail.contains("32 levels") == true)
        }
        let ends = try meta(#"{"b":\#(nested(31))}"#)
        #expect(throws: Never.self) { try ends.patched(by: JSON(parsing: #"{"b":{"c":1}}"#), limit: 4096) }
        #expect(throws: InputError.self) {
            try ends.patched(by: JSON(parsing: nested(33, "null"), maximumDepth: 100), limit: 4096)
        }
        #expect(throws: InputError.self) {
            try ends.patched(
                by: JSON(parsing: #"{"x":\#(String(repeating: "[", count: 32))\#(String(repeating: "]", count: 32))}"#),
                limit: 4096)
        }
    }

    /// Reading takes time linear in its bytes, and almost no memory beside them.
    @Test(.timeLimit(.minutes(5)))
    func `A text of 100,000 tiny values is read and kept as it is`() async throws {
        let flat = "[" + Array(repeating: #"{"":0}"#, count: 100_000).joined(separator: ",") + "]"
        let json = try JSON(parsing: flat)
        #expect(json.elements(atMost: 501)?.count == 501)
        #expect(json.compact.count == flat.utf8.count)
        // The tests share few threads, and some of the others depend on the time.
        await Task.yield()
        let names = (0..<100_000).map { "\"\\u00\(61 + $0 % 10)\($0)\":0" }.joined(separator: ",")
        #expect(try JSON(parsing: "{\(names)}").members?.count == 100_000)
    }

    private func meta(_ source: String, limit: Int = 4096) throws -> Meta {
        try Meta(JSON(parsing: source, maximumDepth: Limits.bodyDepth), limit: limit)
    }
}

extension JSON {
    /// All its names and values as text, in their order.
    fileprivate var texts: [String?] {
        if let members { return members.flatMap { [$0.name.string] + $0.value.texts } }
        return elements?.flatMap(\.texts) ?? [string ?? String(decoding: compact, as: UTF8.self)]
    }
}
