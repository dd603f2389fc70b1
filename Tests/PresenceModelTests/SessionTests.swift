// Rollcall · PresenceModelTests

import Basics
import PresenceSamples
import Testing

@testable import PresenceModel

@Suite("Sessions and members")
struct SessionTests {
    @Test(arguments: ["a", "-", "A_z-09", String(repeating: "x", count: 64)])
    func `A session is 1 to 64 URL-safe characters`(text: String) throws {
        #expect(try Session(text).text == text)
        #expect(try Session(utf8: text.utf8) == Session(text))
    }

    @Test(
        arguments: [
            ("", "is empty"), (String(repeating: "x", count: 65), "has 65"), ("a b", "has others"), ("ü", "has others"),
            ("a/b", "has others"), ("a.b", "has others"), ("a\u{1F}", "has others"),
        ])
    func `Any other session is refused with the reason`(text: String, found: String) {
        let detail = "A session has 1 to 64 characters of A–Z, a–z, 0–9, - and _; this one \(found)."
        #expect(throws: InputError(.malformed, at: .pointer("#/session"), detail)) { try Session(text) }
        #expect(Session(utf8: text.utf8) == nil)
    }

    @Test func `A drawn session has 16 characters and differs each time`() throws {
        let drawn = (0..<1_000).map { _ in Session.random() }
        #expect(Set(drawn).count == drawn.count)
        for session in drawn { #expect(try Session(session.text) == session && session.text.utf8.count == 16) }
    }

    @Test(arguments: ["alice", "a/b", "ü", "😀 %", "__proto__"])
    func `A member is read back from its bytes`(key: String) throws {
        let member = try member(key, "tab-1")
        #expect(member.bytes == Array(key.utf8) + [0x1F] + Array("tab-1".utf8))
        #expect(member.bytes.withUnsafeBufferPointer { Member(bytes: $0) } == member)
    }

    @Test(
        arguments: ["", "alice", "\u{1F}", "a\u{1F}", "\u{1F}a", "a\u{1F}b\u{1F}c", "a\u{1F}ü"])
    func `Bytes that are no member are not read`(text: String) {
        #expect(Array(text.utf8).withUnsafeBufferPointer { Member(bytes: $0) } == nil)
    }

    @Test func `Members sort by key, then by session`() throws {
        let sorted = [try member("a", "b"), try member("a", "c"), try member("b", "a")]
        #expect(sorted.reversed().sorted() == sorted)
    }
}
