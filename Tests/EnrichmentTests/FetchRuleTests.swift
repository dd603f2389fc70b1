// Rollcall · EnrichmentTests

import Enrichment
import JSONText
import Postgres
import PresenceModel
import Testing

@Suite("Fetch rules in the settings")
struct FetchRuleTests {
    func parse(_ text: String) throws(FetchRuleError) -> [FetchRule] { try FetchRule.parse(bytes(text)) }

    @Test func `A rule needs only a field and a query; its other members have defaults`() throws {
        let rules = try parse(#"[{"field": "user", "query": "SELECT key, data FROM profiles WHERE key = ANY($1)"}]"#)
        #expect(rules == FetchRule.standard(for: .standard))
        #expect(rules[0].timeout == .milliseconds(250) && rules[0].ttl == .seconds(60))
        #expect(rules[0].topics == .all && !rules[0].takesTopic)
    }

    @Test func `Every member of a rule is read`() throws {
        let rules = try parse(
            #"[{"topics":"room:*","field":"role_2","query":"SELECT k, r FROM m WHERE k=ANY($1) AND t=$2","#
                + #""timeout_ms":1000,"ttl":5}]"#)
        #expect(rules[0].topics.text == "room:*" && rules[0].field == "role_2" && rules[0].takesTopic)
        #expect(rules[0].timeout == .seconds(1) && rules[0].ttl == .seconds(5))
    }

    @Test(
        arguments: [("$1", false), ("$1 $2", true), ("$1 $20 $12", false), ("$1 $$ $2", true), ("$1 $2x", true)])
    func `A query takes the topic if it has $2`(_ query: String, _ takesTopic: Bool) {
        #expect(FetchRule(field: "f", query: query).takesTopic == takesTopic)
    }

    @Test(
        arguments: [
            ("{", "the fetch rules are not JSON"),
            ("{}", "the fetch rules must be an array, not an object"),
            ("[7]", "fetch rule 1 must be an object, not a number"),
            (#"[{"query":"$1"}]"#, "fetch rule 1: field is missing"),
            (#"[{"field":"a"}]"#, "fetch rule 1: query is missing"),
            (#"[{"field":"a","query":"  "}]"#, "fetch rule 1: query must be a statement"),
            (#"[{"field":"a","query":"SELECT 1, 2"}]"#, "fetch rule 1: query must use $1"),
            (#"[{"field":"a","query":"$1\u0000"}]"#, "fetch rule 1: query must be a statement"),
            (#"[{"field":"a","query":"$1"},{"field":true,"query":"$1"}]"#, "fetch rule 2: field must be a string"),
            (#"[{"field":"metas","query":"$1"}]"#, "fetch rule 1: field cannot be metas"),
            (#"[{"field":"enriched","query":"$1"}]"#, "fetch rule 1: field cannot be enriched"),
            (#"[{"field":"2nd","query":"$1"}]"#, "fetch rule 1: field must be 1 to 64 letters"),
            (#"[{"field":"a-b","query":"$1"}]"#, "fetch rule 1: field must be 1 to 64 letters"),
            (#"[{"field":"ü","query":"$1"}]"#, "fetch rule 1: field must be 1 to 64 letters"),
            (#"[{"field":"","query":"$1"}]"#, "fetch rule 1: field must be 1 to 64 letters"),
            (#"[{"field":"a","query":"$1","timeout":1}]"#, "fetch rule 1: timeout is not a member of a rule"),
            (
                #"[{"field":"a","query":"$1","timeout_ms":9}]"#,
                "fetch rule 1: timeout_ms must be a whole number from 10"
            ),
            (#"[{"field":"a","query":"$1","timeout_ms":10001}]"#, "fetch rule 1: timeout_ms must be a whole number"),
            (#"[{"field":"a","query":"$1","ttl":0.5}]"#, "fetch rule 1: ttl must be a whole number from 1 to 86400"),
            (#"[{"field":"a","query":"$1","ttl":"60"}]"#, "fetch rule 1: ttl must be a whole number"),
            (#"[{"field":"a","query":"$1","topics":""}]"#, "fetch rule 1: topics must have 1 to 256 bytes"),
            (#"[{"field":"a","field":"b","query":"$1"}]"#, "the fetch rules are not JSON at #/0/field"),
            (
                #"[{"field":"a","query":"$1"},{"topics":"*","field":"a","query":"$1 $2"}]"#,
                "fetch rule 2: field: rule 1 already gives a to the same topics"
            ),
        ])
    func `An error in the rules names the rule and the member`(_ text: String, _ message: String) {
        let error = #expect(throws: FetchRuleError.self) { try parse(text) }
        #expect(error?.code == .settings)
        #expect(error?.message.hasPrefix(message) == true, "\(error?.message ?? "")")
    }

    @Test(
        arguments: [
            "metas", "key", "session", "topic", "cursor", "stale", "hidden", "online", "last_seen", "next", "counts",
            "enriched", "phx_ref", "phx_", "phx_x",
        ])
    func `A field cannot have a reserved name, and the error lists the reserved names`(_ name: String) {
        let error = #expect(throws: FetchRuleError.self) { try parse(#"[{"field":"\#(name)","query":"$1"}]"#) }
        #expect(
            error?.message == "fetch rule 1: field cannot be \(name); reserved are metas, key, session, topic, cursor, "
                + "stale, hidden, online, last_seen, next, counts, enriched and every name that begins with phx_")
    }

    @Test(arguments: ["user", "phx", "Key", "keys", "phxref", "_phx_"])
    func `A field may have a name that resembles a reserved one`(_ name: String) throws {
        #expect(try parse(#"[{"field":"\#(name)","query":"$1"}]"#).map(\.field) == [name])
    }

    @Test func `Several rules with overlapping topics may give one field`() throws {
        let rules = try parse(
            #"[{"topics":"room:vip","field":"a","query":"$1"},{"topics":"room:*","field":"a","query":"$1"}]"#)
        #expect(rules.count == 2)
    }

    @Test func `More rules than the limit are refused`() {
        let text = (0...FetchRule.maximumCount).map { #"{"field":"f\#($0)","query":"$1"}"# }.joined(separator: ",")
        #expect(throws: FetchRuleError.self) { try parse("[\(text)]") }
    }

    @Test(
        arguments: [
            ("*", "anything", true), ("room:*", "room:", true), ("room:*", "room:lobby", true),
            ("room:*", "rooms:lobby", false), ("*:lobby", "room:lobby", true), ("*:lobby", "room:lobby:2", false),
            ("a*b*c", "abc", true), ("a*b*c", "a-b-b-c", true), ("a*b*c", "a-c-b", false), ("**", "x", true),
            ("a?c", "abc", false), ("a?c", "a?c", true), ("[a]", "a", false), ("room", "room", true),
            ("room", "rooms", false), ("rooms", "room", false), ("*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
            ("*ü", "grün ü", true), ("u\u{308}", "ü", false),
        ])
    func `A star matches any run of bytes, and every other byte matches itself`(
        _ pattern: String, _ name: String, _ matches: Bool
    ) throws {
        let pattern = try #require(TopicPattern(pattern))
        #expect(pattern.matches(topic(name)) == matches)
    }

    @Test(arguments: ["", String(repeating: "x", count: 257)])
    func `A pattern that is empty or longer than a topic is refused`(_ text: String) {
        #expect(TopicPattern(text) == nil)
    }
}
