// Rollcall · PresenceModelTests

import PresenceModel
import PresenceSamples
import Testing

@Suite("Enrichment fields")
struct EnrichmentFieldsTests {
    private func text(_ fields: EnrichmentFields, _ key: String) throws -> String? {
        fields[try Key(key)].map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func `Fields are written in their order, and a failure comes last`() throws {
        var fields = EnrichmentFields()
        fields.set([("user", Array("{}".utf8)), ("a\"b", Array("[1]".utf8))], isComplete: false, for: try Key("alice"))
        #expect(try text(fields, "alice") == #","user":{},"a\"b":[1],"enriched":false"#)
        #expect(fields.incomplete == [try Key("alice")])
        #expect(try text(fields, "bob") == nil)
    }

    @Test func `A key without fields gets no text`() throws {
        var fields = EnrichmentFields()
        fields.set([], for: try Key("alice"))
        #expect(fields.isEmpty && fields == .none)
    }

    @Test func `Fingerprints differ for other contents, and not for another order of keys or version of a node`() throws
    {
        func fields(_ pairs: [(String, String)]) throws -> EnrichmentFields {
            var fields = EnrichmentFields()
            for (key, data) in pairs { fields.set([("user", Array(data.utf8))], for: try Key(key)) }
            return fields
        }
        let one = try fields([("a", "1"), ("b", "2")])
        #expect(try fields([("b", "2"), ("a", "1")]).fingerprint == one.fingerprint)
        #expect(try fields([("a", "2"), ("b", "1")]).fingerprint != one.fingerprint)
        #expect(try fields([("a", "1")]).fingerprint != one.fingerprint)
        #expect(one.fingerprint == 0xc434_5bd1_9497_fd6a)
    }
}
