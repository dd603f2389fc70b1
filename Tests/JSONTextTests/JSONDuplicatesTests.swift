// Rollcall · JSONTextTests

import Basics
import JSONText
import Testing

@Suite("Repeated members")
struct JSONDuplicatesTests {
    @Test(
        arguments: [
            (#"{"a":1,"a":2}"#, "#/a"), (#"{"a":1,"\u0061":2}"#, "#/a"), (#"{"é":1,"\u00E9":2}"#, "#/%C3%A9"),
            (#"{"/":1,"\/":2}"#, "#/~1"), (#"{"~":1,"~":2}"#, "#/~0"), (#"{"":1,"":2}"#, "#/"),
            (#"{"x":[0,{"b":{"c d":1,"c d":2}}]}"#, "#/x/1/b/c%20d"),
            (#"{"😀":1,"\ud83d\ude00":2}"#, "#/%F0%9F%98%80"),
        ])
    func `A repeated name is refused, with or without escapes`(source: String, pointer: String) {
        let fault = InputError(.invalid, at: .pointer(pointer), "An object has each member only once.")
        #expect(throws: fault) { try JSON(parsing: source) }
    }

    @Test(
        arguments: [
            #"{"a":1,"A":2}"#, #"{"a":{"a":{"a":1}}}"#, #"[{"a":1},{"a":1}]"#, "{\"ü\":1,\"u\u{308}\":2}",
            #"{"\ud800\udc00":1,"\ud800\udc01":2,"�":3}"#, #"{"\\u0061":1,"a":2}"#,
        ])
    func `Names that only look alike are two names`(source: String) throws {
        #expect(try text(JSON(parsing: source).compact).utf8.elementsEqual(source.utf8))
    }

    @Test func `Broken JSON is malformed, also after a repeated member`() {
        let fault = #expect(throws: InputError.self) { try JSON(parsing: #"{"a":1,"a":2"#) }
        #expect(fault?.code == .malformed)
    }

    /// Comparing all pairs would be 4·10¹⁰ comparisons.
    @Test(.timeLimit(.minutes(10)))
    func `The cost of a large object is linear in its size`() async throws {
        let names = (0..<200_000).map { "\"k\($0)\":\($0)" }
        let json = try JSON(parsing: "{\(names.joined(separator: ","))}")
        #expect(json.members?.count == 200_000)
        // The tests share few threads, and some of the others depend on the time.
        await Task.yield()
        let fault = #expect(throws: InputError.self) {
            try JSON(parsing: "{\(names.joined(separator: ",")),\"k\\u0031\":0}")
        }
        #expect(fault?.pointer == "#/k1")
        await Task.yield()
        let patched = try json.merged(
            with: JSON(parsing: "{\(names.joined(separator: ",").replacing(":1", with: ":2"))}"))
        #expect(patched.members?.count == 200_000)
    }
}
