// Rollcall · PresenceTextTests

import JSONText
import PresenceSamples
import PresenceText
import Testing

@testable import PresenceModel

@Suite("Rosters and diffs as JSON")
struct RosterJSONTests {
    private let dashes = "--------------"

    @Test func `A roster is grouped by key, keys in byte order, metas in track order`() throws {
        let roster = try sample()
        #expect(
            RosterJSON().text(roster)
                == #"{"alice":{"metas":[{"n":1.0,"phx_ref":"r3\#(dashes)"},{"phx_ref":"r1\#(dashes)"}]},"#
                + #""bob":{"metas":[{"phx_ref":"r4\#(dashes)","phx_ref_prev":"r2\#(dashes)"}]}}"#)
        #expect(
            RosterJSON(view: .keys).text(roster)
                == #"{"alice":{"metas":[{"phx_ref":"r3\#(dashes)"},{"phx_ref":"r1\#(dashes)"}]},"#
                + #""bob":{"metas":[{"phx_ref":"r4\#(dashes)","phx_ref_prev":"r2\#(dashes)"}]}}"#)
        #expect(RosterJSON(view: .count).text(roster) == #"{"keys":2,"presences":3}"#)
        #expect(RosterJSON().text(Roster()) == "{}")
        #expect(RosterJSON(view: .count).text(Roster()) == #"{"keys":0,"presences":0}"#)
    }

    @Test func `A page has only the entries of its keys`() throws {
        let roster = try sample()
        var output: [UInt8] = []
        RosterJSON(view: .keys).write(roster, keys: [try Key("bob"), try Key("carol")], to: &output)
        #expect(text(output) == #"{"bob":{"metas":[{"phx_ref":"r4\#(dashes)","phx_ref_prev":"r2\#(dashes)"}]}}"#)
    }

    @Test func `Enrichment stands beside the metas in rosters and diffs, only in the full view`() throws {
        var fields = EnrichmentFields()
        fields.set([("user", Array(#"{"name":"Bob"}"#.utf8))], for: try Key("bob"))
        fields.set([], isComplete: false, for: try Key("alice"))
        let roster = Roster([
            (member: try member("bob"), presence: try presence("r4")),
            (member: try member("alice"), presence: try presence("r3")),
        ])
        #expect(
            RosterJSON(fields: fields).text(roster)
                == #"{"alice":{"metas":[{"phx_ref":"r3\#(dashes)"}],"enriched":false},"#
                + #""bob":{"metas":[{"phx_ref":"r4\#(dashes)"}],"user":{"name":"Bob"}}}"#)
        let diff = Diff([try change("bob", nil, "r1"), try change("carol", "r2", nil, .closed)])
        #expect(
            RosterJSON(fields: fields).text(diff)
                == #"{"joins":{"bob":{"metas":[{"phx_ref":"r1\#(dashes)"}],"user":{"name":"Bob"}}},"#
                + #""leaves":{"carol":{"metas":[{"phx_ref":"r2\#(dashes)"}]}},"reasons":{"r2\#(dashes)":"closed"}}"#)
        #expect(!RosterJSON(view: .keys, fields: fields).text(roster).contains("user"))
    }

    @Test func `A diff always has joins, leaves and reasons`() {
        #expect(RosterJSON().text(Diff()) == #"{"joins":{},"leaves":{},"reasons":{}}"#)
    }

    @Test func `A join has the new meta, a leave has the last meta and its reason`() throws {
        #expect(
            RosterJSON().text(Diff([try change("a", nil, "r1", meta: #"{"x":1}"#)]))
                == #"{"joins":{"a":{"metas":[{"x":1,"phx_ref":"r1\#(dashes)"}]}},"leaves":{},"reasons":{}}"#)
        let left = Change(
            member: try member("a"), before: try presence("r2", after: "r1", #"{"x":1}"#), after: nil, reason: .expired)
        #expect(
            RosterJSON().text(Diff([try #require(left)]))
                == #"{"joins":{},"leaves":{"a":{"metas":[{"x":1,"phx_ref":"r2\#(dashes)","phx_ref_prev":"r1\#(dashes)"}]}},"#
                + #""reasons":{"r2\#(dashes)":"expired"}}"#)
    }

    @Test func `An update has the new meta in joins, linked to the old one in leaves, and no reason`() throws {
        let expected =
            #"{"joins":{"a":{"metas":[{"phx_ref":"r3\#(dashes)","phx_ref_prev":"r1\#(dashes)"}]}},"#
            + #""leaves":{"a":{"metas":[{"phx_ref":"r1\#(dashes)"}]}},"reasons":{}}"#
        #expect(RosterJSON().text(Diff([try change("a", "r1", "r3")])) == expected)
        #expect(RosterJSON(view: .keys).text(Diff([try change("a", "r1", "r3", meta: #"{"x":1}"#)])) == expected)
        // r1→r2→r3: the link goes to r1, since no client has seen r2.
        let second = Change(
            member: try member("a"), before: try presence("r2", after: "r1"), after: try presence("r3", after: "r2"))
        let chain = try change("a", "r1", "r2").followed(by: #require(second))
        #expect(RosterJSON().text(Diff([try #require(chain)])) == expected)
    }

    @Test func `A leave and a new join are not linked, and the leave has its reason`() throws {
        let change = try change("a", "r1", nil, .untracked).followed(by: change("a", nil, "r2"))
        #expect(
            RosterJSON().text(Diff([try #require(change)]))
                == #"{"joins":{"a":{"metas":[{"phx_ref":"r2\#(dashes)"}]}},"#
                + #""leaves":{"a":{"metas":[{"phx_ref":"r1\#(dashes)"}]}},"reasons":{"r1\#(dashes)":"untracked"}}"#)
    }

    @Test func `Changes of one key are written together, in their order`() throws {
        let diff = Diff([
            try change("b", nil, "r1"), try change("a", "r2", nil, .closed),
            try change("b", nil, "r3", session: "other"),
            try change("a", "r4", nil, .lost, session: "other"), try change("c", nil, "r5"),
        ])
        #expect(
            RosterJSON().text(diff)
                == #"{"joins":{"b":{"metas":[{"phx_ref":"r1\#(dashes)"},{"phx_ref":"r3\#(dashes)"}]},"#
                + #""c":{"metas":[{"phx_ref":"r5\#(dashes)"}]}},"#
                + #""leaves":{"a":{"metas":[{"phx_ref":"r2\#(dashes)"},{"phx_ref":"r4\#(dashes)"}]}},"#
                + #""reasons":{"r2\#(dashes)":"closed","r4\#(dashes)":"lost"}}"#)
    }

    @Test(
        arguments: ["\"", "\\", "__proto__", "a/b", "u\u{308}", "ü", "</script>", "\u{2028}"])
    func `Any key can be the name of a JSON member`(key: String) throws {
        let roster = Roster([(member: try member(key), presence: try presence("r1"))])
        let json = try JSON(parsing: RosterJSON().text(roster))
        #expect(json.members?.first?.name.string?.utf8.elementsEqual(key.utf8) == true)
        #expect(json[key]?["metas"]?.elements?.first?["phx_ref"]?.string == "r1\(dashes)")
    }

    @Test(
        arguments: [
            ("{}", nil, #"{"phx_ref":"r1--------------"}"#),
            (#"{"a":[1e400]}"#, nil, #"{"a":[1e400],"phx_ref":"r1--------------"}"#),
            ("{}", "r0", #"{"phx_ref":"r1--------------","phx_ref_prev":"r0--------------"}"#),
            (#"{"a":{}}"#, "r0", #"{"a":{},"phx_ref":"r1--------------","phx_ref_prev":"r0--------------"}"#),
        ])
    func `A presence is written as its meta with phx_ref and phx_ref_prev as last members`(
        meta: String, previous: String?, expected: String
    ) throws {
        let presence = try presence("r1", after: previous, meta)
        var output: [UInt8] = []
        presence.write(previous: presence.previous, to: &output)
        #expect(text(output) == expected)
        output = []
        presence.ref.writeObject(previous: presence.previous, to: &output)
        let previous = previous.map { #","phx_ref_prev":"\#($0)--------------""# } ?? ""
        #expect(text(output) == #"{"phx_ref":"r1--------------"\#(previous)}"#)
    }

    private func sample() throws -> Roster {
        Roster([
            (member: try member("bob"), presence: try presence("r4", after: "r2")),
            (member: try member("alice", "z"), presence: try presence("r3", #"{"n":1.0}"#)),
            (member: try member("alice", "a"), presence: try presence("r1")),
        ])
    }

    private func change(
        _ key: String, _ before: String?, _ after: String?, _ reason: LeaveReason? = nil, session: String = "tab",
        meta: String = "{}"
    ) throws -> Change {
        try #require(
            Change(
                member: member(key, session), before: before.map { try presence($0, meta) },
                after: after.map { try presence($0, meta) }, reason: reason))
    }
}
