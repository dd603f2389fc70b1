// Rollcall · PresenceTests

import Presence
import Testing

@Suite("Enrichment fields")
struct EnrichmentFieldsTests {
    private func text(_ extras: EnrichmentFields, _ key: String) throws -> String? {
        extras[try Key(key)].map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func `Fields are written in their order, and a failure comes last`() throws {
        var extras = EnrichmentFields()
        extras.set([("user", Array("{}".utf8)), ("a\"b", Array("[1]".utf8))], isComplete: false, for: try Key("alice"))
        #expect(try text(extras, "alice") == #","user":{},"a\"b":[1],"enriched":false"#)
        #expect(extras.incomplete == [try Key("alice")])
        #expect(try text(extras, "bob") == nil)
    }

    @Test func `A key without fields gets no text`() throws {
        var extras = EnrichmentFields()
        extras.set([], for: try Key("alice"))
        #expect(extras.isEmpty && extras == .none)
    }

    @Test
    func
        `Different contents have different fingerprints, and the order of keys and the version of a node do not matter`()
        throws
    {
        func extras(_ pairs: [(String, String)]) throws -> EnrichmentFields {
            var extras = EnrichmentFields()
            for (key, data) in pairs { extras.set([("user", Array(data.utf8))], for: try Key(key)) }
            return extras
        }
        let one = try extras([("a", "1"), ("b", "2")])
        #expect(try extras([("b", "2"), ("a", "1")]).fingerprint == one.fingerprint)
        #expect(try extras([("a", "2"), ("b", "1")]).fingerprint != one.fingerprint)
        #expect(try extras([("a", "1")]).fingerprint != one.fingerprint)
        #expect(one.fingerprint == 0xc434_5bd1_9497_fd6a)
    }
}
