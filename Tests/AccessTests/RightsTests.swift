// Rollcall · AccessTests

import Basics
import JSONText
import Testing

@testable import Access

@Suite("Rights")
struct RightsTests {
    @Test func `each level of seeing includes those before it`() throws {
        let rights = try rights(#"{"topics":{"a":["see:count"],"b":["see:count","see"],"c":["track"],"d":[]}}"#)
        #expect(rights.on("a") == TopicRight(see: .count))
        #expect(rights.on("b") == TopicRight(see: .full))
        #expect(rights.on("c") == TopicRight(track: .own))
        #expect(rights.on("d") == .none && rights.on("e") == .none)
    }

    @Test func `an API key may also have the rights of backends`() throws {
        let text =
            #"{"topic_prefixes":{"":["track:any"]},"service":["enrich","operate"],"key_prefixes":{"u:":["see"]}}"#
        let rights = try rights(text, of: .apiKey)
        #expect(rights.on("x").track == .any)
        #expect(rights.service == [.enrich, .operate])
        #expect(rights.keys.value(of: "u:1") == true && rights.keys.value(of: "v") == nil)
    }

    @Test(arguments: [
        (#"[]"#, "#"), (#"{"topic":{}}"#, "#/topic"), (#"{"topics":{"a":"see"}}"#, "#/topics/a"),
        (#"{"topics":{"a":[1]}}"#, "#/topics/a"), (#"{"topics":{"a":["see:all"]}}"#, "#/topics/a"),
        (#"{"topics":{"a":["see:hidden"]}}"#, "#/topics/a"), (#"{"topics":{"a":["track:any"]}}"#, "#/topics/a"),
        (#"{"topics":[]}"#, "#/topics"), (#"{"keys":{"a":["track"]}}"#, "#/keys/a"),
        (#"{"service":["enrich"]}"#, "#/service"),
    ])
    func `a right that does not exist is refused where it stands`(text: String, place: String) {
        let error = #expect(throws: InputError.self) { try rights(text) }
        #expect(error?.pointer == place)
    }

    @Test func `a credential has at most 1,000 patterns`() throws {
        func text(_ count: Int) -> String {
            #"{"topics":{"# + (0..<count).map { "\"\($0)\":[\"see\"]" }.joined(separator: ",") + "}}"
        }
        #expect(try rights(text(1_000)).on("999").see == .full)
        #expect(throws: InputError.self) { try rights(text(1_001)) }
    }

    private func rights(_ text: String, of holder: Rights.Holder = .token) throws -> Rights {
        try Rights(JSON(parsing: text), of: holder)
    }
}
