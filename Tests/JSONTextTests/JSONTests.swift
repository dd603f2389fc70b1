// Rollcall · JSONTextTests

import Basics
import JSONText
import Testing

@Suite("JSON values")
struct JSONTests {
    @Test(
        arguments: [
            ("30", 30), ("-7", -7), ("-0", 0), ("30.0", 30), ("-7.000", -7),
            ("9223372036854775807", Int.max),
            ("-9223372036854775808", Int.min),
        ])
    func `A whole number is read with and without a fraction of zeros`(source: String, value: Int) throws {
        #expect(try JSON(parsing: source).int == value)
    }

    @Test(
        arguments: [
            "30.5", "3e1", "30.0e0", "1e-1", "1e400", "9223372036854775808", "1e300", "9007199254740993.0e1", #""30""#,
            "true", "null",
            "[30]",
        ])
    func `A fraction, an exponent, a number beyond Int or another value is not read as a whole number`(source: String)
        throws
    {
        #expect(try JSON(parsing: source).int == nil)
    }

    @Test func `Members are found by their decoded names`() throws {
        let json = try JSON(parsing: #"{"\u006bey":"\u0041\n😀\ud83d\ude00","session":null,"on":true,"list":[1]}"#)
        #expect(json["key"]?.string == "A\n😀😀")
        #expect(json["session"]?.isNull == true)
        #expect(json["on"]?.bool == true)
        #expect(json["list"]?.elements?.count == 1)
        #expect(json["nothing"] == nil)
        #expect(json["list"]?["key"] == nil)
        #expect(json["key"]?.int == nil && json["on"]?.string == nil)
        #expect(json.members?.map(\.name.string) == ["key", "session", "on", "list"])
    }

    @Test(
        arguments: [
            #""\ud800""#, #""\udc00""#, #""\ud800x""#, #""\ud800\ud800""#, #""\udc00\ud800""#, #""\ud800\u0041""#,
            #""\ud83d\\ude00""#, #""😀\uDBFF""#, #""\uD83D\n\uDE00""#,
        ])
    func `Half of a surrogate pair is no text, and only a tolerant parse accepts it`(source: String) throws {
        let json = try JSON(parsing: source, isStrict: false)
        #expect(json.isFaulty && json.string == nil)
        #expect(text(json.compact) == source)
        let fault = #expect(throws: InputError.self) { try JSON(parsing: source) }
        #expect(fault?.code == .invalid && fault?.pointer == "#")
        #expect(throws: InputError.self) { try json.requireSound(at: .pointer("#")) }
    }

    @Test func `A kind is written as part of a sentence`() throws {
        let kinds = try ["{}", "[]", #""""#, "0", "true", "null"].map { try JSON(parsing: $0).kind }
        #expect(kinds == ["an object", "an array", "a string", "a number", "a boolean", "null"])
    }

    @Test(
        arguments: [
            ("plain", #""plain""#), ("", #""""#), ("\"\\/", #""\"\\/""#), ("\n\r\t\0\u{1F}", #""\n\r\t\u0000\u001f""#),
            ("ü😀\u{7F}", "\"ü😀\\u007f\""), ("\u{80}a\u{85}\u{9F}\u{A0}", "\"\\u0080a\\u0085\\u009f\u{A0}\""),
            ("\u{2027}\u{2028}\u{2029}\u{202A}", "\"\u{2027}\\u2028\\u2029\u{202A}\""),
        ])
    func `Text becomes a string that is read back as it was`(plain: String, quoted: String) throws {
        var output: [UInt8] = []
        output.append(jsonString: plain)
        #expect(text(output) == quoted)
        #expect(try JSON(parsing: output).string == plain)
        #expect(text(try JSON(parsing: output).compact) == quoted)
    }
}
