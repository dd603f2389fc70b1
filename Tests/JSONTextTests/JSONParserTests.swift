// Rollcall · JSONTextTests

import Basics
import JSONText
import Testing

@Suite("Parsing JSON")
struct JSONParserTests {
    @Test(
        arguments: [
            "null", "true", "false", "0", "-0", "1.0", "1e400", "-1.5E+07", "0e0", "123456789012345678901234567890",
            #""""#, #""a""#, #""\u00e9 \/ \" \\ \b\f\n\r\t""#, #""\uD83D\uDE00""#, "\"é😀\u{7F}\"",
            "[]", "{}", "[1,2,[3]]", #"{"b":1,"a":{"c":[]}}"#, #"{"":0}"#, #"{"__proto__":1}"#,
            "{\"ü\":1,\"u\u{308}\":2}",
        ])
    func `Values keep their text`(source: String) throws {
        #expect(try text(JSON(parsing: source).compact).utf8.elementsEqual(source.utf8))
    }

    @Test func `White space is removed outside strings and kept inside`() throws {
        #expect(
            try text(JSON(parsing: " \r\n\t{ \"a b\" : [ 1 , \" x \" ] , \"c\" : null } ").compact)
                == #"{"a b":[1," x "],"c":null}"#)
    }

    @Test(
        arguments: [
            "", " ", "nul", "True", "nulll", "NaN", "Infinity", "undefined", "'a'", "a", "+1", "01", "-", "-01", "1.",
            ".5",
            "1.e5", "1e", "1e+", "0x10", "1_000", "- 1", "--1", "1 2", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]",
            "[1}",
            "{", "}", "{1:2}", #"{"a"}"#, #"{"a":}"#, #"{"a":1"#, #"{"a":1,}"#, #"{,"a":1}"#, #"{"a" 1}"#,
            #"{"a":1 "b":2}"#,
            "{a:1}", #"{"a":1]"#, #"""#, #""a"#, #""\"#, #""\x""#, #""\u12""#, #""\u12G4""#, #""\u""#, "\"\n\"",
            "\"\t\"",
            "\"\0\"", "\"\u{1F}\"", "[1]x", "{}{}", "// c\n1", "/**/1", "\u{FEFF}1", "\u{A0}1", "1\0", "[1]\u{2028}",
            "ü",
        ])
    func `Text that RFC 8259 does not allow is refused`(source: String) {
        let fault = #expect(throws: InputError.self) { try JSON(parsing: source) }
        #expect(fault?.code == .malformed)
        #expect(fault?.pointer == "#")
    }

    @Test(
        arguments: [
            [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xC3, 0x28], [0xE0, 0x80, 0x80], [0xE2, 0x82],
            [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x9F, 0x98], [0xF4, 0x90, 0x80, 0x80],
            [0xF5, 0x80, 0x80, 0x80],
            [0xFE], [0xFF],
        ])
    func `Strings that are not UTF-8 are refused`(bytes: [UInt8]) {
        let quote = [UInt8(ascii: "\"")]
        for source in [quote + bytes + quote, quote + Array("1234567890".utf8) + bytes + quote, quote + bytes] {
            let fault = #expect(throws: InputError.self) { try JSON(parsing: source) }
            #expect(fault?.code == .malformed)
        }
    }

    @Test func `Every character is read, as UTF-8 and as escapes`() async throws {
        for plane in 0...16 as ClosedRange<UInt32> {
            // The tests share few threads, and some of the others depend on the time.
            await Task.yield()
            var scalars = String.UnicodeScalarView()
            for value in stride(from: max(0x20, plane << 16), through: plane << 16 | 0xFFFF, by: 7) {
                if let scalar = UnicodeScalar(value), scalar != "\"", scalar != "\\" { scalars.append(scalar) }
            }
            let plain = String(scalars)
            #expect(try JSON(parsing: "\"\(plain)\"").string?.utf8.elementsEqual(plain.utf8) == true)
            let escaped = plain.utf16.map { "\\u" + text(hexDigits(of: UInt64($0), count: 4)) }.joined()
            #expect(try JSON(parsing: "\"\(escaped)\"").string?.utf8.elementsEqual(plain.utf8) == true)
            #expect(try JSON(parsing: "\"\(escaped.uppercased().replacing("\\U", with: "\\u"))\"").string == plain)
        }
    }

    @Test(
        arguments: [
            ("{\n  \"é\": tru\n}", "Line 2, column 11: expected true, but found the byte 0x0A."),
            ("", "Line 1, column 1: expected a value, but the text ends."),
            ("[1,]", "Line 1, column 4: expected a value, but found ]."),
            ("{\"a\" 1}", "Line 1, column 6: expected a colon after the member's name, but found 1."),
            ("[01]", "Line 1, column 3: a number has no leading zero."),
            ("[1]\n[2]", "Line 2, column 1: expected the end of the text, but found [."),
            ("\u{FEFF}{}", "Line 1, column 1: the text starts with a byte order mark; leave it out."),
        ])
    func `A fault names its place and the expected text`(source: String, detail: String) {
        #expect(throws: InputError(.malformed, at: .pointer("#"), detail)) { try JSON(parsing: source) }
    }

    @Test func `Nesting deeper than the limit is refused, also in a very deep text`() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[{\"a\":", count: depth / 2) + "1" + String(repeating: "}]", count: depth / 2)
        }
        #expect(try text(JSON(parsing: nested(64)).compact) == nested(64))
        #expect(throws: InputError.self) { try JSON(parsing: nested(66)) }
        #expect(try text(JSON(parsing: nested(66), maximumDepth: 66).compact) == nested(66))
        let fault = #expect(throws: InputError.self) { try JSON(parsing: String(repeating: "[", count: 1_000_000)) }
        #expect(fault?.detail == "Line 1, column 65: arrays and objects are nested at most 64 deep.")
        // Siblings add no depth.
        #expect(throws: Never.self) { try JSON(parsing: "[" + String(repeating: "[],", count: 200) + "[]]") }
    }
}
