// Rollcall · PresenceServerTests

import HTTPTypes
import PresenceModel
import PresenceStore
import Testing

@testable import PresenceServer

@Suite("Entity tags")
struct EntityTagsTests {
    private let cursor = Cursor(epoch: Epoch.random(), seq: 7)

    @Test func `A client has the list if any of its tags, weak or strong, is the cursor`() {
        for field in [
            "\"\(self.cursor)\"", "W/\"\(self.cursor)\"", "\"x\", \"\(self.cursor)\"", "*", "\t\"\(self.cursor)\" ",
            ",,\"x\" ,\t, W/\"\(self.cursor)\",", "\"a, b\",\"\(self.cursor)\"",
        ] {
            #expect(IfNoneMatch([.ifNoneMatch: field])?.matches(EntityTag.of(self.cursor)) == true, "\(field)")
        }
        for field in [
            "\"0-0\"", "\(self.cursor)", "", "\"\(self.cursor)1\"", "\"1\(self.cursor)\"", "w/\"\(self.cursor)\"",
        ] {
            #expect(IfNoneMatch([.ifNoneMatch: field])?.matches(EntityTag.of(self.cursor)) == false, "\(field)")
        }
        #expect(IfNoneMatch([:]) == nil)
    }

    @Test(arguments: [
        "-gzip", "--gzip", ";br", ";gzip", "-br", "-zstd", "-GZIP", ";gz;;;", ":deflate", "+gzip", "-x-gzip",
    ])
    func `a tag is compared without the suffix of a proxy that compressed`(suffix: String) throws {
        for weak in ["", "W/"] {
            let field = "\"x\(suffix)\", \(weak)\"\(self.cursor)\(suffix)\""
            #expect(IfNoneMatch([.ifNoneMatch: field])?.matches(EntityTag.of(self.cursor)) == true)
            let other = Cursor(epoch: self.cursor.epoch, seq: 77)
            #expect(IfNoneMatch([.ifNoneMatch: field])?.matches(EntityTag.of(other)) == false)
            let ref = Ref.random()
            #expect(try RefCondition(ifMatch: [.ifMatch: "\(weak)\"\(ref)\(suffix)\""]) == .oneOf([ref]))
        }
    }

    @Test func `the tag of an enriched list differs from that of a plain list`() throws {
        var fields = EnrichmentFields()
        fields.set([("user", Array("1".utf8))], for: try Key("a"))
        let tag = EntityTag.of(self.cursor, fields)
        #expect(IfNoneMatch([.ifNoneMatch: "W/" + tag.dropLast() + "-gzip\""])?.matches(tag) == true)
        #expect(IfNoneMatch([.ifNoneMatch: tag])?.matches(EntityTag.of(self.cursor)) == false)
        #expect(IfNoneMatch([.ifNoneMatch: EntityTag.of(self.cursor)])?.matches(tag) == false)
    }

    @Test(arguments: ["abcdefghijk-gzip", "abcdefghijklmno-", "abcdefghijklmn-x"])
    func `a ref that ends like a suffix is kept whole`(text: String) throws {
        let ref = try #require(Ref(utf8: text.utf8))
        for suffix in ["", "-gzip", "--gzip"] {
            #expect(try RefCondition(ifMatch: [.ifMatch: "\"\(ref)\(suffix)\""]) == .oneOf([ref]))
        }
    }

    @Test func `If-Match takes strong tags, a ref that a proxy weakened, or a star`() throws {
        let (ref, other) = (Ref.random(), Ref.random())
        #expect(try RefCondition(ifMatch: [.ifMatch: "\"\(ref)\""]) == .oneOf([ref]))
        #expect(try RefCondition(ifMatch: [.ifMatch: " W/\"\(ref)\" "]) == .oneOf([ref]))
        #expect(try RefCondition(ifMatch: [.ifMatch: "\"x\",\"\(ref)\" , \"\(other)\""]) == .oneOf([ref, other]))
        #expect(try RefCondition(ifMatch: [.ifMatch: "\"x\", \"\(ref)\""]) == .oneOf([ref]))
        #expect(try RefCondition(ifMatch: [.ifMatch: " * "]) == .any)
        #expect(try RefCondition(ifMatch: [.ifMatch: "\"stale\""]) == .oneOf([]))
        #expect(try RefCondition(ifMatch: [.ifMatch: "\"a\", \"b\""]) == .oneOf([]))
        #expect(try RefCondition(ifMatch: [:]) == nil)
    }

    @Test(
        arguments: ["W/\"x\"", "x", "\"", "", "\"a\" \"b\"", "\"a\", b", "*, \"a\"", ",", "\"a\"x", "W/", "W/*"])
    func `If-Match refuses a weak tag that is not a ref, and a text that is not a list of tags`(_ field: String) {
        let problem = #expect(throws: Problem.self) { try RefCondition(ifMatch: [.ifMatch: field]) }
        #expect(problem?.kind == .invalidHeader)
    }
}
