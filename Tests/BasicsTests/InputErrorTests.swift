// Rollcall · BasicsTests

import Basics
import Testing

@Suite("Errors of input")
struct InputErrorTests {
    @Test func `A fault in the body has a pointer, one in path or query a parameter`() {
        let body = InputError(.invalid, at: .pointer("#/ttl"), "No.")
        #expect(body.pointer == "#/ttl" && body.parameter == nil)
        #expect(body.description == "invalid at #/ttl: No.")
        let query = body.at(.parameter("ttl"))
        #expect(query.pointer == nil && query.parameter == "ttl")
        #expect(query.description == "invalid parameter ttl: No.")
    }

    @Test(
        arguments: [
            ("a", "#/meta/a"), ("", "#/meta/"), ("a/b~c", "#/meta/a~1b~0c"), ("a b%\"", "#/meta/a%20b%25%22"),
            ("ü", "#/meta/%C3%BC"), ("(x)=1?:@", "#/meta/(x)=1?:@"), ("#", "#/meta/%23"),
        ])
    func `A pointer escapes characters that RFC 6901 and a fragment do not allow`(name: String, pointer: String) {
        #expect(InputError.Location.pointer("#/meta").member(name) == .pointer(pointer))
        #expect(InputError.Location.parameter("p").member(name) == .parameter("p"))
    }

    @Test func `Elements are counted from 0`() {
        #expect(InputError.Location.pointer("#").member("operations").element(0) == .pointer("#/operations/0"))
    }
}
