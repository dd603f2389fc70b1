// Rollcall · PresenceServerTests

import HTTPTypes
import Presence
import Testing

@testable import PresenceServer

@Suite("Entity tags")
struct EntityTagsTests {
    private let cursor = Cursor(epoch: Epoch.random(), seq: 7)

    @Test("A list is the client's when any of its tags, weak or not, is the cursor")
    func ifNoneMatch() {
        for field in ["\"\(self.cursor)\"", "W/\"\(self.cursor)\"", "\"x\", \"\(self.cursor)\"", "*"] {
            #expect(IfNoneMatch([.ifNoneMatch: field])?.matches(EntityTag.of(self.cursor)) == true)
        }
        for field in ["\"0-0\"", "\(self.cursor)", ""] {
            #expect(IfNoneMatch([.ifNoneMatch: field])?.matches(EntityTag.of(self.cursor)) == false)
        }
        #expect(IfNoneMatch([:]) == nil)
    }

    @Test("If-Match takes one strong tag or a star")
    func ifMatch() throws {
        let ref = Ref.random()
        #expect(try IfMatch([.ifMatch: "\"\(ref)\""]) == .ref(ref))
        #expect(try IfMatch([.ifMatch: " * "]) == .any)
        #expect(try IfMatch([.ifMatch: "\"stale\""]) == .nothing)
        #expect(try IfMatch([:]) == nil)
    }

    @Test(
        "A weak, unquoted or second tag in If-Match is refused", arguments: ["W/\"x\"", "x", "\"", "", "\"a\", \"b\""])
    func refuses(_ field: String) {
        let problem = #expect(throws: Problem.self) { try IfMatch([.ifMatch: field]) }
        #expect(problem?.kind == .invalidHeader)
    }
}
