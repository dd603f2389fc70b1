// Rollcall · Redis

import NIOCore

/// The current troubles; decides which of them begin or end; pure.
///
/// Several connections meet the same trouble, and a Redis near its memory limit refuses and takes writes in turn. So a
/// kind begins once, and a refusal of writes ends only after it was not seen for `hold`.
struct RedisTroubles: Sendable {
    enum Source: Hashable, Sendable {
        /// The connections of the pool.
        case commands
        /// The connection of the subscriber.
        case messages
        /// A refusal of a single command, which may have others after it: it ends when none came for `hold`.
        case replies
    }

    enum Change: Hashable, Sendable {
        case began(RedisTrouble)
        case ended(RedisTrouble.Kind)
    }

    private let hold: TimeAmount
    private var current: [Source: RedisTrouble] = [:]
    private var lastReply = NIODeadline.uptimeNanoseconds(0)
    /// The kinds that began, and when each was last seen.
    private var seen: [RedisTrouble.Kind: NIODeadline] = [:]

    /// - Parameter hold: The time without a refusal of writes, or of a single command, after which it has ended.
    init(hold: TimeAmount) {
        self.hold = hold
    }

    /// The current trouble of a source.
    func trouble(of source: Source) -> RedisTrouble? { current[source] }

    /// Sets the current trouble of a source, nil for none; returns the kinds that begin and end by it.
    mutating func note(_ trouble: RedisTrouble?, from source: Source, at time: NIODeadline) -> [Change] {
        if source == .replies {
            lastReply = time
        } else if time - lastReply >= hold {
            current[.replies] = nil
        }
        current[source] = trouble
        var changes: [Change] = []
        if let trouble, seen[trouble.kind] == nil { changes.append(.began(trouble)) }
        for trouble in current.values { seen[trouble.kind] = time }
        for (kind, last) in seen where !current.values.contains(where: { $0.kind == kind }) {
            if RedisTrouble(kind, "").isRefusalOfWrites, time - last < hold { continue }
            seen[kind] = nil
            changes.append(.ended(kind))
        }
        return changes
    }
}
