// Rollcall · PresenceTextTests

import JSONText
import PresenceSamples
import PresenceText
import RandomInput
import Testing

@testable import PresenceModel

/// A roster that follows only the diffs, as `Presence.syncDiff` of phoenix.js does.
private struct Fold: Equatable {
    /// For each key the metas by ref, without the members that the service sets.
    var state: [Key: [String: String]] = [:]

    init(_ roster: Roster) throws {
        let json = try JSON(parsing: RosterJSON().text(roster))
        for entry in json.members ?? [] {
            state[try Self.key(of: entry), default: [:]] = try Self.metas(of: entry)
        }
    }

    /// Applies joins first, then leaves by ref; removes a key without metas.
    mutating func apply(_ diff: JSON) throws {
        for entry in try #require(diff["joins"]?.members) {
            state[try Self.key(of: entry), default: [:]].merge(try Self.metas(of: entry)) { $1 }
        }
        for entry in try #require(diff["leaves"]?.members) {
            let key = try Self.key(of: entry)
            for ref in try Self.metas(of: entry).keys { state[key]?[ref] = nil }
            if state[key]?.isEmpty == true { state[key] = nil }
        }
    }

    func holds(_ ref: String, of key: Key) -> Bool {
        state[key]?[ref] != nil
    }

    static func key(of entry: JSON.Member) throws -> Key {
        try Key(#require(entry.name.string))
    }

    static func metas(of entry: JSON.Member) throws -> [String: String] {
        // The link is not compared: an update that merges a chain has another link than the roster has.
        let bare = try JSON(parsing: #"{"phx_ref":null,"phx_ref_prev":null}"#)
        let metas = try #require(entry.value["metas"]?.elements)
        #expect(!metas.isEmpty)
        return Dictionary(
            try metas.map { meta in (try #require(meta["phx_ref"]?.string), text(meta.merged(with: bare).compact)) },
            uniquingKeysWith: { "\($0) and \($1) with one phx_ref" })
    }
}

@Suite("Folding diffs")
struct DiffFoldTests {
    /// Changes come in windows of random length, and merge in each window as in a feed.
    @Test(.timeLimit(.minutes(10)))
    func `A client that folds merged diffs has the roster`() async throws {
        for _ in 0..<40 {
            // The tests share few threads, and some of the others depend on the time.
            await Task.yield()
            let seed = SplitMix.freshSeed()
            var generator = SplitMix(seed: seed)
            var roster = Roster()
            var fold = try Fold(roster)
            for _ in 0..<40 {
                var window: [Member: Change] = [:]
                for _ in 0..<Int.random(in: 1...8, using: &generator) {
                    guard let change = try Self.step(&roster, using: &generator) else { continue }
                    let merged = window[change.member].map { $0.followed(by: change) } ?? change
                    window[change.member] = merged
                }
                try Self.check(Diff(Array(window.values)), &fold, seed: seed)
                #expect(try fold == Fold(roster), "seed \(seed)")
            }
        }
    }

    @Test func `A client that folds the differences of two snapshots has the second`() throws {
        let seed = SplitMix.freshSeed()
        var generator = SplitMix(seed: seed)
        var roster = Roster()
        var fold = try Fold(roster)
        for _ in 0..<200 {
            let old = roster
            for _ in 0..<Int.random(in: 0...12, using: &generator) { _ = try Self.step(&roster, using: &generator) }
            try Self.check(Diff(roster.differences(from: old)), &fold, seed: seed)
            #expect(try fold == Fold(roster), "seed \(seed)")
        }
    }

    /// Checks the promises of a stream about both halves of a diff, and folds the diff.
    private static func check(_ diff: Diff, _ fold: inout Fold, seed: UInt64) throws {
        let json = try JSON(parsing: RosterJSON().text(diff))
        let reasons = try #require(json["reasons"])
        var linked: Set<String> = []
        for entry in json["joins"]?.members ?? [] {
            for meta in entry.value["metas"]?.elements ?? [] {
                let ref = try #require(meta["phx_ref"]?.string)
                #expect(try !fold.holds(ref, of: Fold.key(of: entry)), "joined twice, seed \(seed)")
                if let previous = meta["phx_ref_prev"]?.string { linked.insert(previous) }
            }
        }
        var leaves = 0
        for entry in json["leaves"]?.members ?? [] {
            for ref in try Fold.metas(of: entry).keys {
                #expect(try fold.holds(ref, of: Fold.key(of: entry)), "a leave of an absent ref, seed \(seed)")
                #expect(
                    (reasons[ref] == nil) == linked.contains(ref), "a leave has a reason or a successor, seed \(seed)")
                leaves += reasons[ref] == nil ? 0 : 1
            }
        }
        #expect(reasons.members?.count == leaves, "seed \(seed)")
        try fold.apply(json)
    }

    /// Joins, updates or removes a random member.
    private static func step(_ roster: inout Roster, using generator: inout SplitMix) throws -> Change? {
        let member = try member(
            ["alice", "__proto__", "ü", "u\u{308}"].randomElement(using: &generator) ?? "",
            "s\(Int.random(in: 0..<3, using: &generator))")
        let before = roster[member]
        let isLeave = before != nil && generator.chance(45)
        let after = Presence(
            ref: .random(using: &generator), previous: before?.ref,
            meta: Meta(stored: Array(#"{"n":\#(Int.random(in: 0..<9, using: &generator))}"#.utf8)))
        let reason = LeaveReason.allCases.randomElement(using: &generator)
        let change = Change(
            member: member, before: before, after: isLeave ? nil : after, reason: isLeave ? reason : nil)
        if let change { roster.apply(change) }
        return change
    }
}
