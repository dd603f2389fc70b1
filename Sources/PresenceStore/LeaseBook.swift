// Rollcall · PresenceStore

import Presence
import Redis

/// Which presences are bound to this node's open streams, and in which second each is due to be renewed.
///
/// Pure: time is the number of ticks. A topic is due every third of its ttl, in a slot that its hash decides, so that
/// each tick has its even share and a topic's members share a call. Nothing is kept for a member but one entry.
struct LeaseBook {
    struct Binding {
        let owner: StreamOwner
        /// Whole seconds.
        let ttl: Int
        var presence: Presence
        /// Member and owner, as the renew script takes them.
        let arguments: [RedisArgument]

        var stored: StoredPresence {
            StoredPresence(presence: presence, ttl: ttl, owner: .stream(owner))
        }
    }

    /// The topics with members of one ttl, each in its slot.
    private struct Wheel {
        var slots: [Set<Topic>]
        /// Members of a topic with this ttl.
        var members: [Topic: Int] = [:]

        init(ttl: Int) {
            slots = Array(repeating: [], count: max(1, ttl / 3))
        }

        func slot(of topic: Topic) -> Int {
            Int(UInt(bitPattern: topic.hashValue) % UInt(slots.count))
        }
    }

    /// As many as there are open streams with a presence, which the server bounds.
    private var bindings: [Topic: [Member: Binding]] = [:]
    private var wheels: [Int: Wheel] = [:]
    /// Members found missing since the last ``takeSuspects()``.
    private var suspects: [Topic: Set<Member>] = [:]
    private var tick = 0

    var count: Int { wheels.values.reduce(0) { $0 + $1.members.values.reduce(0, +) } }

    func binding(of member: Member, on topic: Topic) -> Binding? { bindings[topic]?[member] }

    /// Binds a presence to a stream, in place of the one it may have been bound to.
    mutating func bind(_ member: Member, on topic: Topic, owner: StreamOwner, ttl: Int, presence: Presence) {
        unbind(member, on: topic)
        bindings[topic, default: [:]][member] = Binding(
            owner: owner, ttl: ttl, presence: presence, arguments: [.bytes(member.bytes), .string(owner.text)])
        var wheel = wheels.removeValue(forKey: ttl) ?? Wheel(ttl: ttl)
        wheel.members[topic, default: 0] += 1
        wheel.slots[wheel.slot(of: topic)].insert(topic)
        wheels[ttl] = wheel
    }

    /// Forgets a presence if it is bound to that stream, or to any when none is named; says whether it was.
    @discardableResult
    mutating func unbind(_ member: Member, on topic: Topic, owner: StreamOwner? = nil) -> Bool {
        guard let binding = binding(of: member, on: topic), owner == nil || owner == binding.owner else { return false }
        bindings[topic]?[member] = nil
        if bindings[topic]?.isEmpty == true { bindings[topic] = nil }

        var wheel = wheels.removeValue(forKey: binding.ttl) ?? Wheel(ttl: binding.ttl)
        let left = (wheel.members[topic] ?? 1) - 1
        wheel.members[topic] = left > 0 ? left : nil
        if left == 0 { wheel.slots[wheel.slot(of: topic)].remove(topic) }
        if !wheel.members.isEmpty { wheels[binding.ttl] = wheel }
        return true
    }

    /// Notes the newest state of a presence, for when it must be restored.
    mutating func refresh(_ member: Member, on topic: Topic, presence: Presence) {
        bindings[topic]?[member]?.presence = presence
    }

    /// Moves time on; returns what is due in the ticks passed, nothing twice.
    mutating func advance(to now: Int) -> [Renewal] {
        let passed = now - tick
        guard passed > 0 else { return [] }
        tick = now
        return wheels.flatMap { ttl, wheel in
            (0..<min(passed, wheel.slots.count)).flatMap { ago in
                wheel.slots[(now - ago) % wheel.slots.count].flatMap { renewals(of: $0, ttl: ttl) }
            }
        }
    }

    /// Everything, due or not.
    func all() -> [Renewal] {
        wheels.flatMap { ttl, wheel in wheel.members.keys.flatMap { renewals(of: $0, ttl: ttl) } }
    }

    /// Notes a member that a renewal did not find.
    mutating func suspect(_ member: Member, on topic: Topic) {
        suspects[topic, default: []].insert(member)
    }

    /// Returns what is suspected and still bound, and suspects nothing more.
    mutating func takeSuspects() -> [(topic: Topic, members: [Member])] {
        defer { suspects = [:] }
        return suspects.compactMap { topic, members in
            let bound = members.filter { bindings[topic]?[$0] != nil }
            return bound.isEmpty ? nil : (topic, Array(bound))
        }
    }

    private func renewals(of topic: Topic, ttl: Int) -> [Renewal] {
        guard let bound = bindings[topic] else { return [] }
        var renewals: [Renewal] = []
        var members: [(member: Member, owner: StreamOwner)] = []
        var arguments: [RedisArgument] = []
        func close() {
            guard !members.isEmpty else { return }
            renewals.append(Renewal(topic: topic, lease: ttl, members: members, arguments: arguments))
            members.removeAll()
            arguments.removeAll()
        }
        for (member, binding) in bound where binding.ttl == ttl {
            members.append((member, binding.owner))
            arguments += binding.arguments
            if members.count == PresenceStore.membersPerCall { close() }
        }
        close()
        return renewals
    }
}
