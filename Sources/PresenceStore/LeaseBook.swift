// Rollcall · PresenceStore

import Presence
import Redis

/// Which presences are bound to this node's open streams, and in which second each is due to be renewed.
///
/// Pure: time is the number of ticks. A topic is due every third of its ttl, in a slot that its hash decides, so that
/// each tick has its even share and a topic's members share a call. A member is bound once for each of its streams on
/// this node, all of which hold it.
struct LeaseBook {
    /// A presence, as one of the streams that tracked it holds it.
    struct Claim: Hashable {
        let member: Member
        let owner: StreamOwner
    }

    struct Binding {
        let owner: StreamOwner
        /// Whole seconds.
        let ttl: Int
        var presence: Presence
        /// Member and owner, as the renew script takes them.
        let arguments: [RedisArgument]
        let end: StreamPresenceEnd
        /// Notifies the stream that its presence was untracked, of which no message came.
        let onUntracked: @Sendable () -> Void

        var stored: StoredPresence {
            StoredPresence(presence: presence, ttl: ttl, owner: .stream(owner))
        }
    }

    /// The topics with members of one ttl, each in its slot.
    private struct Wheel {
        var slots: [Set<Topic>]
        /// Bindings of a topic with this ttl.
        var members: [Topic: Int] = [:]

        init(ttl: Int) {
            slots = Array(repeating: [], count: max(1, ttl / 3))
        }

        func slot(of topic: Topic) -> Int {
            Int(UInt(bitPattern: topic.hashValue) % UInt(slots.count))
        }
    }

    /// As many as there are open streams with a presence, which the server bounds.
    private var bindings: [Topic: [Member: [StreamOwner: Binding]]] = [:]
    private var wheels: [Int: Wheel] = [:]
    /// What was found missing since the last ``takeSuspects()``.
    private var suspects: [Topic: Set<Claim>] = [:]
    private var tick = 0

    var count: Int { wheels.values.reduce(0) { $0 + $1.members.values.reduce(0, +) } }

    func binding(of member: Member, on topic: Topic, owner: StreamOwner) -> Binding? {
        bindings[topic]?[member]?[owner]
    }

    /// Binds a presence to a stream, beside others that it may be bound to.
    mutating func bind(
        _ member: Member, on topic: Topic, owner: StreamOwner, ttl: Int, presence: Presence,
        end: StreamPresenceEnd = .init(),
        onUntracked: @escaping @Sendable () -> Void
    ) {
        unbind(member, on: topic, owner: owner)
        bindings[topic, default: [:]][member, default: [:]][owner] = Binding(
            owner: owner, ttl: ttl, presence: presence,
            arguments: [.bytes(member.bytes), .string(owner.text)],
            end: end, onUntracked: onUntracked)
        var wheel = wheels.removeValue(forKey: ttl) ?? Wheel(ttl: ttl)
        wheel.members[topic, default: 0] += 1
        wheel.slots[wheel.slot(of: topic)].insert(topic)
        wheels[ttl] = wheel
    }

    /// Forgets that a presence is bound to that stream; returns the binding if it was.
    @discardableResult
    mutating func unbind(_ member: Member, on topic: Topic, owner: StreamOwner) -> Binding? {
        guard let binding = bindings[topic]?[member]?.removeValue(forKey: owner) else { return nil }
        if bindings[topic]?[member]?.isEmpty == true { bindings[topic]?[member] = nil }
        if bindings[topic]?.isEmpty == true { bindings[topic] = nil }

        var wheel = wheels.removeValue(forKey: binding.ttl) ?? Wheel(ttl: binding.ttl)
        let left = (wheel.members[topic] ?? 1) - 1
        wheel.members[topic] = left > 0 ? left : nil
        if left == 0 { wheel.slots[wheel.slot(of: topic)].remove(topic) }
        if !wheel.members.isEmpty { wheels[binding.ttl] = wheel }
        return binding
    }

    /// Notes the newest state of a presence, for when it must be restored.
    mutating func refresh(_ member: Member, on topic: Topic, presence: Presence) {
        for owner in (bindings[topic]?[member] ?? [:]).keys { bindings[topic]?[member]?[owner]?.presence = presence }
    }

    /// Renews a bound presence by another ttl from here on: all that hold it must use the one that is stored with it.
    mutating func renew(_ member: Member, on topic: Topic, owner: StreamOwner, by ttl: Int) {
        guard let bound = binding(of: member, on: topic, owner: owner), bound.ttl != ttl else { return }
        bind(
            member, on: topic, owner: owner, ttl: ttl, presence: bound.presence, end: bound.end,
            onUntracked: bound.onUntracked)
    }

    /// Moves time on; returns what is due in the ticks passed, nothing twice.
    mutating func advance(to now: Int) -> [LeaseRenewal] {
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
    func all() -> [LeaseRenewal] {
        wheels.flatMap { ttl, wheel in wheel.members.keys.flatMap { renewals(of: $0, ttl: ttl) } }
    }

    /// Notes what a renewal did not find.
    mutating func suspect(_ claim: Claim, on topic: Topic) {
        suspects[topic, default: []].insert(claim)
    }

    /// Returns what is suspected and still bound, and suspects nothing more.
    mutating func takeSuspects() -> [(topic: Topic, claims: [Claim])] {
        defer { suspects = [:] }
        return suspects.compactMap { topic, claims in
            let bound = claims.filter { bindings[topic]?[$0.member]?[$0.owner] != nil }
            return bound.isEmpty ? nil : (topic, Array(bound))
        }
    }

    private func renewals(of topic: Topic, ttl: Int) -> [LeaseRenewal] {
        guard let bound = bindings[topic] else { return [] }
        var renewals: [LeaseRenewal] = []
        var members: [(member: Member, owner: StreamOwner)] = []
        var arguments: [RedisArgument] = []
        func close() {
            guard !members.isEmpty else { return }
            renewals.append(LeaseRenewal(topic: topic, lease: ttl, members: members, arguments: arguments))
            members.removeAll()
            arguments.removeAll()
        }
        for (member, owners) in bound {
            for binding in owners.values where binding.ttl == ttl {
                members.append((member, binding.owner))
                arguments += binding.arguments
                if members.count == PresenceStore.membersPerCall { close() }
            }
        }
        close()
        return renewals
    }
}
