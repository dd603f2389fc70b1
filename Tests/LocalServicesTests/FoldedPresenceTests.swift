// Rollcall · LocalServicesTests

import TestSupport
import Testing

/// The cases of phoenix.js's own tests, and its special cases that matter for a server.
@Suite("The fold of phoenix.js")
struct FoldedPresenceTests {
    private func metas(_ refs: String...) -> JSONValue {
        ["metas": .array(refs.map { ["phx_ref": .string($0)] })]
    }

    private func fold(_ state: JSONValue) throws -> FoldedPresence {
        try FoldedPresence(of: state)
    }

    private func event(_ name: String, _ json: JSONValue) -> SSEEvent {
        SSEEvent(name: name, data: json.description)
    }

    @Test func `A first state joins every key`() throws {
        var fold = FoldedPresence()
        let calls = try fold.syncState(["a": self.metas("1"), "b": self.metas("2", "3")])
        let entries = fold.entries
        #expect(
            calls == [
                .join("a", current: nil, new: try #require(entries["a"])),
                .join("b", current: nil, new: try #require(entries["b"])),
            ])
        #expect(fold.refs == ["1", "2", "3"])
    }

    @Test func `A second state calls back only for differences, joins before leaves`() throws {
        var fold = try self.fold(["a": self.metas("1", "2"), "b": self.metas("3"), "same": self.metas("4")])
        let before = fold.entries
        let calls = try fold.syncState(["a": self.metas("2", "5"), "c": self.metas("6"), "same": self.metas("4")])
        #expect(fold.entries["a"]?.metas == self.metas("2", "5")["metas"]?.array)
        #expect(fold.refs == ["2", "4", "5", "6"])
        #expect(calls.count == 4)
        #expect(calls.first == .join("a", current: before["a"], new: .init(metas: [["phx_ref": "5"]], fields: [:])))
        let emptied = FoldedPresence.Entry(metas: [], fields: [:])
        #expect(calls.last == .leave("b", current: emptied, left: try #require(before["b"])))
    }

    @Test func `An update is one diff: the key stays, and only the new meta remains`() throws {
        var fold = try self.fold(["a": self.metas("1")])
        let calls = try fold.syncDiff(["joins": ["a": self.metas("2")], "leaves": ["a": self.metas("1")]])
        #expect(fold.refs == ["2"])
        guard case .leave(_, let current, _) = try #require(calls.last) else {
            Issue.record("the last call is no leave")
            return
        }
        #expect(current.metas == [["phx_ref": "2"]])
    }

    @Test func `Kept metas come before joined ones, and a meta of the same ref is replaced`() throws {
        var fold = try self.fold(["a": self.metas("1", "2")])
        let replaced: JSONValue = ["metas": [["phx_ref": "1", "status": "away"]]]
        _ = try fold.syncDiff(["joins": ["a": replaced], "leaves": [:]])
        #expect(fold.entries["a"]?.metas == [["phx_ref": "2"], ["phx_ref": "1", "status": "away"]])
    }

    @Test func `The fields of a join replace the old; a state without changes and a leave keep them`()
        throws
    {
        func entry(_ ref: String, _ name: JSONValue) -> JSONValue {
            ["metas": [["phx_ref": .string(ref)]], "user": name]
        }
        var fold = try self.fold(["a": entry("1", "old")])
        _ = try fold.syncState(["a": entry("1", "newer")])
        #expect(fold.entries["a"]?.fields == ["user": "old"])
        _ = try fold.syncDiff(["joins": ["a": entry("2", "new")], "leaves": [:]])
        #expect(fold.entries["a"]?.fields == ["user": "new"])
        _ = try fold.syncDiff(["joins": [:], "leaves": ["a": entry("2", "left")]])
        #expect(fold.entries["a"]?.fields == ["user": "new"])
    }

    @Test func `A leave of an unknown key is ignored; one of an unknown ref only calls back`() throws {
        var fold = try self.fold(["a": self.metas("1")])
        let leaves: JSONValue = ["a": self.metas("9"), "unknown": self.metas("8")]
        #expect(try fold.syncDiff(["joins": [:], "leaves": leaves]).count == 1)
        #expect(fold.refs == ["1"])
    }

    @Test func `A leave before its join leaves a ghost, as in phoenix.js`() throws {
        var fold = FoldedPresence()
        _ = try fold.syncDiff(["joins": [:], "leaves": ["a": self.metas("1")]])
        _ = try fold.syncDiff(["joins": ["a": self.metas("1")], "leaves": [:]])
        #expect(fold.refs == ["1"])
    }

    @Test func `Diffs before the first state wait for it`() throws {
        var fold = FoldedPresence()
        let diff: JSONValue = ["joins": ["b": self.metas("2")], "leaves": ["a": self.metas("1")]]
        #expect(try fold.receive(self.event("presence_diff", diff)).isEmpty)
        #expect(fold.entries.isEmpty)
        try fold.receive(self.event("presence_state", ["a": self.metas("1")]))
        #expect(fold.refs == ["2"])
        #expect(try fold.receive(self.event("ping", [:])).isEmpty)
    }

    @Test func `Names of JavaScript's prototypes, and keys that only look the same, are ordinary keys`()
        throws
    {
        let fold = try self.fold(
            [
                "__proto__": self.metas("1"), "constructor": self.metas("2"), "\u{E9}": self.metas("3"),
                "e\u{301}": self.metas("4"),
            ])
        #expect(fold.entries.count == 4)
    }

    @Test func `A payload that makes phoenix.js throw is refused`() throws {
        var fold = FoldedPresence()
        #expect(throws: FoldedPresence.Malformed.self) { try fold.syncDiff(["joins": [:]]) }
        #expect(throws: FoldedPresence.Malformed.self) { try fold.syncState(["a": [:]]) }
        #expect(throws: FoldedPresence.Malformed.self) { try fold.syncState([]) }
    }

    @Test func `Rosters are equal for any order of metas`() throws {
        #expect(try self.fold(["a": self.metas("1", "2")]).roster == self.fold(["a": self.metas("2", "1")]).roster)
    }
}
