// Rollcall · LocalServicesTests

import TestSupport
import Testing

@Suite("The JSON of the tests")
struct JSONValueTests {
    @Test func `Values are read as they were written, and numbers keep their text`() throws {
        let json = try JSONValue(parsing: #" {"a":[1,-0.50,1e400,true,null],"b":{"c":"\u00fc\n\"\ud83d\ude00"}} "#)
        #expect(json["a"] == [1, .number("-0.50"), .number("1e400"), true, nil])
        #expect(json["b"]?["c"] == "ü\n\"😀")
        #expect(json["a"]?[0]?.int == 1)
        #expect(json.description == #"{"a":[1,-0.50,1e400,true,null],"b":{"c":"ü\u000a\"😀"}}"#)
    }

    @Test func `Names that look the same but differ in bytes are two members`() throws {
        let json = try JSONValue(parsing: "{\"\u{E9}\":1,\"e\u{301}\":2}")
        #expect(json.object?.count == 2)
        #expect(json["e\u{301}"] == 2)
    }

    @Test func `The order of members does not matter`() throws {
        #expect(try JSONValue(parsing: #"{"a":1,"b":2}"#) == JSONValue(parsing: #"{"b":2,"a":1}"#))
    }

    @Test(
        arguments: [
            "", "{", "[1,]", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "01", "1.", "+1", ".5", "tru", "\"\u{1}\"", "\"\\x\"",
            "\"\\u12\"", "\"", "1 2", "{a:1}", "NaN",
        ])
    func `Text that is not JSON is refused`(text: String) {
        #expect(throws: JSONValueError.self) { try JSONValue(parsing: text) }
    }
}
