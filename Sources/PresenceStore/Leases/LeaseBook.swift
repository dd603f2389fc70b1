// Rollcall · PresenceStore

package import PresenceModel
import Redis

/// The presences that are bound to this node's open streams, and the tick at which each is due for renewal.
///
/// A pure state machine: time is a number of ticks. A topic is due once in each third of its ttl. Its hash decides the
/// slot, so that the ticks have even shares and the members of a topic share a call. A member has one binding for each
/// of its streams on this node.
struct LeaseBook {
    /// A member and one stream that holds it.
    struct Claim: Hashable {
        let member: Member
        let owner: StreamOwner
    }

    struct Binding {
        let owner: StreamOwner
        /// Whole seconds.
        let ttl: Int
        var presence: Presence
        /// Member and owner, as arguments of the script `renew`.
        let arguments: [RedisArgument]
        let end: StreamPresenceEnd
        /// Notifies the stream that its presence was untracked, in case no message about it arrived.
        let onUntracked: @Sendable () -> Void

        var stored: StoredPresence {
            StoredPresence(presence: presence, ttl: ttl, owner: .stream(owner))
        }
    }

    /// The topics that have bindings with one ttl, each in its slot.
    private struct Wheel {
        var slots: [Set<Topic>]
        /// The number of bindings of each topic with this ttl.
        var members: [Topic: Int] = [:]

        init(ttl: Int) {
            slots = Array(repeating: [], count: max(1, ttl / 3))
        }

        func slot(of topic: Topic) -> Int {
            Int(UInt(bitPattern: topic.hashValue) % UInt(slots.count))
        }
    }

    /// One for each presence of an open stream; the server bounds the open streams.
    private var bindings: [Topic: [Member: [StreamOwner: Binding]]] = [:]
    private var wheels: [Int: Wheel] = [:]
    /// The claims that were reported missing since the last ``takeSuspects()``.
    private var suspects: [Topic: Set<Claim>] = [:]
    private var tick = 0

    var count: Int { wheels.values.reduce(0) { $0 + $1.members.values.reduce(0, +) } }

    func binding(of member: Member, on topic: Topic, owner: StreamOwner) -> Binding? {
        bindings[topic]?[member]?[owner]
    }

    /// Binds a presence to a stream: replaces an older binding to this stream, and keeps those to others.
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

    /// Removes the binding of a presence to a stream and returns it; nil when there is none.
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

    /// Stores the newest state of a presence, which a restore sends.
    mutating func refresh(_ member: Member, on topic: Topic, presence: Presence) {
        for owner in (bindings[topic]?[member] ?? [:]).keys { bindings[topic]?[member]?[owner]?.presence = presence }
    }

    /// Changes the ttl of a binding: all holders of a session must renew it by the ttl that is stored with it.
    mutating func renew(_ member: Member, on topic: Topic, owner: StreamOwner, by ttl: Int) {
        guard let bound = binding(of: member, on: topic, owner: owner), bound.ttl != ttl else { return }
        bind(
            member, on: topic, owner: owner, ttl: ttl, presence: bound.presence, end: bound.end,
            onUntracked: bound.onUntracked)
    }

    /// Advances time to tick `now`; returns the renewals that fell due since the last call, each once.
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

    /// The renewals of all bindings, due or not.
    func all() -> [LeaseRenewal] {
        wheels.flatMap { ttl, wheel in wheel.members.keys.flatMap { renewals(of: $0, ttl: ttl) } }
    }

    /// Records a claim that is missing in Redis.
    mutating func suspect(_ claim: Claim, on topic: Topic) {
        suspects[topic, default: []].insert(claim)
    }

    /// Returns the recorded claims that are still bound, and clears the record.
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

/// One call of the renew script: members of one topic with one ttl.
struct LeaseRenewal: Sendable {
    let topic: Topic
    /// Whole seconds.
    let lease: Int
    let members: [(member: Member, owner: StreamOwner)]
    /// Member and owner of each, as arguments of the script.
    let arguments: [RedisArgument]
}

/// A lease that was not renewed: the presence is missing, or the stream does not hold it.
package struct FailedLeaseRenewal: Hashable, Sendable {
    package let member: Member
    /// The stream for which the renewal was sent.
    package let owner: StreamOwner
}
