// Rollcall · PresenceModelTests

import Testing

@testable import PresenceModel

@Suite("Refs, epochs and cursors")
struct CursorTests {
    @Test func `A ref is 16 URL-safe characters and keeps them`() throws {
        let text = "AZaz09-_AZaz09-_"
        let ref = try #require(Ref(utf8: text.utf8))
        #expect(ref.text == text && ref.description == text)
        #expect(Ref(utf8: Array(text.utf8)[...]) == ref)
        #expect(Ref(utf8: "AZaz09-_AZaz09-A".utf8) != ref)
        var written: [UInt8] = []
        ref.write(to: &written)
        #expect(written == Array(text.utf8))
    }

    @Test(
        arguments: ["", "short", "AZaz09-_AZaz09-_x", "AZaz09-_AZaz09-+", "AZaz09-_AZaz09ü"])
    func `Text that is no ref is not read`(text: String) {
        #expect(Ref(utf8: text.utf8) == nil)
    }

    @Test func `Drawn refs and epochs differ each time and are read back`() {
        let refs = (0..<10_000).map { _ in Ref.random() }
        #expect(Set(refs).count == refs.count)
        #expect(refs.allSatisfy { Ref(utf8: $0.text.utf8) == $0 })
        let epochs = (0..<10_000).map { _ in Epoch.random() }
        #expect(Set(epochs).count == epochs.count)
        #expect(epochs.allSatisfy { Epoch(utf8: $0.description.utf8) == $0 && $0.description.utf8.count == 16 })
    }

    @Test(
        arguments: ["6f1c09d2a7b3e481-17", "0000000000000001-0", "ffffffffffffffff-9223372036854775807"])
    func `A cursor is read back from its text`(text: String) throws {
        let cursor = try #require(Cursor(text))
        #expect(cursor.description == text)
        #expect(cursor == Cursor(epoch: cursor.epoch, seq: cursor.seq))
        #expect(!cursor.isEmpty)
    }

    @Test func `The cursor of an empty topic is 0-0`() {
        #expect(Cursor("0-0") == .empty)
        #expect(Cursor.empty.description == "0-0")
        #expect(Cursor.empty.isEmpty)
    }

    @Test(
        arguments: [
            "", "-", "0", "0-1", "1-0", "0-0 ", "0000000000000000-0", "6F1C09D2A7B3E481-17", "6f1c09d2a7b3e481",
            "6f1c09d2a7b3e481-", "6f1c09d2a7b3e481-+1", "6f1c09d2a7b3e481--1", "6f1c09d2a7b3e481-01",
            "6f1c09d2a7b3e481-1,6f1c09d2a7b3e481-2", "6f1c09d2a7b3e481-9223372036854775808", "6f1c09d2a7b3e48-17",
            "6f1c09d2a7b3e481_17", "ü",
        ])
    func `Text that is no cursor is not read`(text: String) {
        #expect(Cursor(text) == nil)
    }
}
