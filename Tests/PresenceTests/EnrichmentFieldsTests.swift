// Rollcall · PresenceTests

import Presence
import Testing

@Suite("What a hook adds to entries")
struct EnrichmentFieldsTests {
    private func text(_ extras: EnrichmentFields, _ key: String) throws -> String? {
        extras[try Key(key)].map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func `Fields are spliced in their order, and a failure is the last of them`() throws {
        var extras = EnrichmentFields()
        extras.set([("user", Array("{}".utf8)), ("a\"b", Array("[1]".utf8))], isComplete: false, for: try Key("alice"))
        #expect(try text(extras, "alice") == #","user":{},"a\"b":[1],"enriched":false"#)
        #expect(extras.incomplete == [try Key("alice")])
        #expect(try text(extras, "bob") == nil)
    }

    @Test func `A key without fields has nothing added`() throws {
        var extras = EnrichmentFields()
        extras.set([], for: try Key("alice"))
        #expect(extras.isEmpty && extras == .none)
    }

    @Test func `The fingerprint tells contents apart, whatever the order in which keys were set`() throws {
        func extras(_ pairs: [(String, String)]) throws -> EnrichmentFields {
            var extras = EnrichmentFields()
            for (key, data) in pairs { extras.set([("user", Array(data.utf8))], for: try Key(key)) }
            return extras
        }
        let one = try extras([("a", "1"), ("b", "2")])
        #expect(try extras([("b", "2"), ("a", "1")]).fingerprint == one.fingerprint)
        #expect(try extras([("a", "2"), ("b", "1")]).fingerprint != one.fingerprint)
        #expect(try extras([("a", "1")]).fingerprint != one.fingerprint)
    }
}
