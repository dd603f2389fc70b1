// Rollcall · fuzz

import Access
import JSONText
import PresenceModel
import RandomInput

import PresenceServer

/// Bodies.
extension Subject {
    private static let alphabet = #""\{}[],:-+.0123456789eEtrufalsn "#

    /// JSON: written byte for byte as it was read, except for white space.
    static let json = Subject("json") { round in
        var json = RandomJSON(generator: SplitMix(seed: round.random.next()))
        let compact = json.value(depth: 3)
        let spread = Array(json.spread(compact).utf8)
        try round.feed(spread) { round, bytes in
            try round.expect(JSON(parsing: bytes).compact == Array(compact.utf8), "JSON is not written as it was read")
            return true
        }
        try round.damage(spread, alphabet + "\u{7F}\u{85}\u{2028}") { round, bytes in
            let safe = SafeJSON.escaped(bytes) ?? bytes
            try round.expect(SafeJSON.escaped(safe) == nil, "safe JSON is not its own safe form")
            try round.expect(String(validating: safe, as: UTF8.self) != nil, "safe JSON is no UTF-8")
            guard let read = try? JSON(parsing: bytes) else { return false }
            let compact = read.compact
            try round.expect(compact.count <= bytes.count, "JSON grew from \(bytes.count) to \(compact.count) bytes")
            try round.expect((try? JSON(parsing: compact))?.compact == compact, "accepted JSON is not read again")
            return true
        }
    }

    /// Merge patches: the result is that of RFC 7396, and untouched members keep their text.
    static let patches = Subject("patches") { round in
        var json = RandomJSON(generator: SplitMix(seed: round.random.next()))
        let names = (0..<12).map { "m\($0)" }
        let original = try JSON(parsing: json.object(depth: 2, named: names.shuffled(using: &json.generator)))
        let patch = Array(json.object(depth: 2, named: names.shuffled(using: &json.generator)).utf8)
        func merge(_ round: inout Round, _ bytes: [UInt8]) throws -> Bool {
            guard let patch = try? JSON(parsing: bytes) else { return false }
            let merged = original.merged(with: patch)
            try round.expect(isMerge(merged, of: original, patch), "the merge is not that of RFC 7396")
            let compact = merged.compact
            try round.expect(merged.merged(with: patch).compact == compact, "a second merge changes the result")
            try round.expect((try? JSON(parsing: compact))?.compact == compact, "merged JSON is not read again")
            _ = try? Meta(stored: original.compact).patched(by: patch, limit: 300)
            return true
        }
        try round.feed(patch) { round, bytes in
            let isAccepted = try merge(&round, bytes)
            try round.expect(isAccepted, "a patch is refused")
            return true
        }
        try round.damage(patch, alphabet, merge)
    }

    private static func isMerge(_ merged: JSON?, of original: JSON?, _ patch: JSON) -> Bool {
        guard let changes = patch.members else { return merged?.compact == (patch.isNull ? nil : patch.compact) }
        guard let members = merged?.members else { return false }
        let kept = (original?.members ?? []).filter { member in !changes.contains { $0.name == member.name } }
        let names = Set(changes.map(\.name) + kept.map(\.name))
        return kept.allSatisfy { member in value(of: member.name, in: merged)?.compact == member.value.compact }
            && changes.allSatisfy { change in
                isMerge(value(of: change.name, in: merged), of: value(of: change.name, in: original), change.value)
            }
            && members.allSatisfy { names.contains($0.name) } && Set(members.map(\.name)).count == members.count
    }

    private static func value(of name: JSON.Text, in object: JSON?) -> JSON? {
        object?.members?.first { $0.name == name }?.value
    }

    /// Operations of a batch: accepted, or refused with a problem that is JSON.
    static let operations = Subject("operations") { round in
        var json = RandomJSON(generator: SplitMix(seed: round.random.next()))
        let (member, topic) = (round.random.member(), round.random.topic())
        let rest = round.random.pick([
            #""op":"track","meta":\#(json.object(depth: 2)),"ttl":\#(round.random.below(400))"#,
            #""op":"put","meta":\#(json.object(depth: 2))"#, #""op":"update","patch":\#(json.object(depth: 2))"#,
            #""op":"untrack""#, #""op":"heartbeat","ttl":\#(json.value(depth: 1))"#,
        ])
        let names = [("topic", topic.text), ("key", member.key.text), ("session", member.session.text)].map {
            var text: [UInt8] = []
            text.append(jsonString: $1)
            return "\"\($0)\":\(String(decoding: text, as: UTF8.self))"
        }
        try round.damage(Array("{\(names.joined(separator: ",")),\(rest)}".utf8), alphabet) { round, bytes in
            guard let json = try? JSON(parsing: bytes) else { return false }
            do throws(Problem) {
                _ = try BatchOperation(json, of: .open, limits: Limits())
                return true
            } catch {
                try round.expect(error.isReadable, "a problem is no JSON: \(error.detail)")
                return false
            }
        }
    }
}

extension Problem {
    /// Whether its text is JSON.
    var isReadable: Bool { (try? JSON(parsing: self.json(instance: "x"))) != nil }
}
