// Rollcall · fuzz

import PresenceModel
import PresenceStore
import RandomInput

extension SplitMix {
    /// Text for a name, with characters that have a meaning in paths, queries, members and messages.
    mutating func name() -> String {
        let pieces = [
            "a", "b", "Z", "0", ":", "/", "%", "+", "&", "=", " ", ".", "..", ",", "\"", "ü", "日本", "😀", "{}",
        ]
        return (0...below(6)).map { _ in pick(pieces) }.joined()
    }

    mutating func topic() -> Topic { made { try? Topic(String(decoding: $0, as: UTF8.self)) } }
    mutating func key() -> Key { made(from: Key.init(utf8:)) }

    mutating func session() -> Session {
        made { Session(utf8: $0.map { (0x30...0x39).contains($0) ? $0 : UInt8(ascii: "s") }) }
    }

    mutating func cursor() -> Cursor {
        let digits = String(next() | 1, radix: 16)
        let epoch = String(repeating: "0", count: 16 - digits.count) + digits
        return Cursor("\(epoch)-\(chance(10) ? Int.max : below(1_000))") ?? .empty
    }

    mutating func member() -> Member { Member(key: key(), session: session()) }

    mutating func stored() -> StoredPresence {
        var json = RandomJSON(generator: SplitMix(seed: next()))
        let owner = Array(Ref.random(using: &self).text.utf8).withUnsafeBufferPointer { StreamOwner(utf8: $0) }
        return StoredPresence(
            presence: Presence(
                ref: .random(using: &self), previous: chance(30) ? .random(using: &self) : nil,
                meta: Meta(stored: Array(json.object(depth: 2).utf8))),
            ttl: 5 + below(296), owner: pick([.heartbeats, .released, owner.map(Ownership.stream) ?? .released]))
    }

    /// Draws names until one makes a value.
    private mutating func made<Value>(from make: ([UInt8]) -> Value?) -> Value {
        while true {
            if let value = make(Array(name().utf8)) { return value }
        }
    }
}
