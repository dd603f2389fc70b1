// Rollcall · PresenceTextTests

import Basics
import PresenceSamples
import PresenceText
import RandomInput
import Testing

@testable import PresenceModel

@Suite("Lists of presences")
struct PresenceListTests {
    @Test func `Keys are listed by pages in byte order`() throws {
        // `String` sorts the last three in another order, and takes two of the names for equal.
        let names = ["a", "ab", "b", "room:0000001", "room:0000002", "u\u{308}", "ü", "\u{FFFD}", "😀"]
        let roster = Roster(try names.shuffled().map { (member: try member($0), presence: try presence("r")) })
        #expect(roster.sortedKeys.map(\.text) == names)
        func page(after: String? = nil, limit: Int = .max) throws -> (keys: [String], next: String?) {
            var list = PresenceList(roster)
            let next = list.show(after: try after.map { try Key($0) }, limit: limit)
            return (list.keys.map(\.text), next?.text)
        }
        #expect(try page() == (names, nil))
        #expect(try page(limit: 2) == (["a", "ab"], "ab"))
        #expect(try page(after: "ab", limit: 2) == (["b", "room:0000001"], "room:0000001"))
        #expect(try page(after: "room:0000001", limit: 2) == (["room:0000002", "u\u{308}"], "u\u{308}"))
        #expect(try page(after: "aa", limit: 1) == (["ab"], "ab"))
        #expect(try page(after: "u\u{308}", limit: 3) == (["ü", "\u{FFFD}", "😀"], nil))
        #expect(try page(after: "😀", limit: 1) == ([], nil))
        #expect(try page(limit: names.count) == (names, nil))
    }

    @Test func `A page has all presences of its keys`() throws {
        let members = try [("bob", "1"), ("alice", "1"), ("bob", "2"), ("alice", "2"), ("carol", "1")]
            .map { try member($0, $1) }
        var list = PresenceList(Roster(try members.map { (member: $0, presence: try presence("\($0.session)")) }))
        #expect(try list.show(limit: 2) == Key("bob"))
        #expect(
            RosterJSON(view: .keys).text(list)
                == #"{"alice":{"metas":[{"phx_ref":"1---------------"},{"phx_ref":"2---------------"}]},"#
                + #""bob":{"metas":[{"phx_ref":"1---------------"},{"phx_ref":"2---------------"}]}}"#)
        #expect(try list.show(after: Key("carol")) == nil)
        #expect(RosterJSON().text(list) == "{}")
    }

    @Test func `Bytes that are no member are refused and not listed`() throws {
        let ref = try ref("r")
        var list = PresenceList(capacity: 0)
        func append(_ member: [UInt8]) -> Bool {
            member.withUnsafeBufferPointer { member in
                Meta.empty.json.withUnsafeBufferPointer {
                    list.append(member: member, ref: ref, previous: nil, meta: $0)
                }
            }
        }
        let wrong = [
            "", "alice", "\u{1F}tab", "alice\u{1F}", "alice\u{1F}t b", "al\u{7}ice\u{1F}tab", "\u{80}\u{1F}tab",
        ]
        for text in wrong { #expect(!append(Array(text.utf8)), "\(text)") }
        #expect(!append([0xFF, 0x1F, UInt8(ascii: "t")]))
        #expect(!append(Array(repeating: UInt8(ascii: "a"), count: 257) + [0x1F, UInt8(ascii: "t")]))
        #expect(append(try member("😀", "tab").bytes))
        #expect(list.show() == nil)
        #expect(RosterJSON().text(list) == #"{"😀":{"metas":[{"phx_ref":"r---------------"}]}}"#)
    }

    @Test func `A list is written as the roster of the same presences`() throws {
        let seed = SplitMix.freshSeed()
        var generator = SplitMix(seed: seed)
        let names = [
            "a", "b", "room:1234567", "room:12345678", "room:123456789", "u\u{308}", "ü", "\"", "\u{FFFD}", "😀",
        ]
        for _ in 0..<200 {
            var presences: [(member: Member, presence: Presence)] = []
            for _ in 0..<Int.random(in: 0...20, using: &generator) {
                let member = try member(
                    names.randomElement(using: &generator) ?? "", "s\(Int.random(in: 0..<3, using: &generator))")
                guard !presences.contains(where: { $0.member == member }) else { continue }
                let presence = Presence(
                    ref: .random(using: &generator), previous: generator.chance(50) ? .random(using: &generator) : nil,
                    meta: generator.chance(50) ? .empty : Meta(stored: Array(#"{"n":[1,"é"]}"#.utf8)))
                presences.append((member, presence))
            }
            let roster = Roster(presences)
            var stored = PresenceList(capacity: presences.count)
            for (member, presence) in presences {
                let isTaken = member.bytes.withBytes { member in
                    presence.meta.json.withBytes {
                        stored.append(member: member, ref: presence.ref, previous: presence.previous, meta: $0)
                    }
                }
                #expect(isTaken, "seed \(seed)")
            }
            var fields = EnrichmentFields()
            fields.set([("user", Array("1".utf8))], for: try Key("ü"))
            for var list in [PresenceList(roster), stored] {
                #expect(list.show() == nil, "seed \(seed)")
                #expect(list.keys == roster.sortedKeys, "seed \(seed)")
                for json in [RosterJSON(), RosterJSON(view: .keys), RosterJSON(fields: fields)] {
                    #expect(json.text(list) == json.text(roster), "seed \(seed)")
                }
            }
        }
    }
}

extension RosterJSON {
    fileprivate func text(_ list: PresenceList) -> String {
        var output: [UInt8] = []
        write(list, to: &output)
        return String(decoding: output, as: UTF8.self)
    }
}
