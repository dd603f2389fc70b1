// Rollcall · BasicsTests

import Basics
import Testing

@Suite("Percent-encoding")
struct PercentEncodingTests {
    @Test(
        arguments: [
            ("room:lobby", "room:lobby"), ("room%3Alobby", "room:lobby"), ("a%2Fb", "a/b"), ("a%2fb", "a/b"),
            ("%C3%BC", "ü"), ("100%25", "100%"), ("%2541", "%41"), ("a+b", "a+b"), ("", ""),
        ])
    func `Escapes are decoded to bytes once`(_ encoded: String, _ decoded: String) throws {
        #expect(try PercentEncoding.decode(encoded[...]) == decoded)
    }

    @Test func `In a query a plus is a space, and %2B is a plus`() throws {
        #expect(try PercentEncoding.decode("a+b%2Bc", plusIsSpace: true) == "a b+c")
    }

    @Test(arguments: ["%", "a%2", "%zz", "%2g", "100%"])
    func `An escape without two digits is refused`(_ text: String) {
        #expect(throws: PercentEncoding.Fault.badEscape) { try PercentEncoding.decode(text[...]) }
    }

    @Test(arguments: ["%FF", "%C3", "%C3%28", "%ED%A0%80", "%C0%80"])
    func `Bytes that are not UTF-8 are refused`(_ text: String) {
        #expect(throws: PercentEncoding.Fault.badUTF8) { try PercentEncoding.decode(text[...]) }
    }

    @Test(arguments: ["room:lobby", "a/b", "ü", "100%", "a+b c", "..", ".", "?#[]@", "日本"])
    func `Decoding an encoded text gives the text`(_ text: String) throws {
        let encoded = PercentEncoding.encode(text)
        #expect(
            encoded.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "+") })
        #expect(try PercentEncoding.decode(encoded[...]) == text)
        #expect(try PercentEncoding.decode(encoded[...], plusIsSpace: true) == text)
    }
}
