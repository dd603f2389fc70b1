// Rollcall · PhoenixSocket

import DequeModule

/// The changes of one channel: one runs, and those behind it wait in their order.
///
/// A waiting update has no effect once a whole meta is behind it. So that meta takes its place, and all of their
/// messages are answered with the ref of that meta. That bounds the work of a client that sends faster than its rate.
struct ChangeQueue: Sendable {
    /// A message that is answered with the result of a change.
    struct Push: Hashable, Sendable {
        let refs: MessageRefs
        /// Whether the answer shows the ref of the presence.
        let showsRef: Bool
        /// Bytes of the message, which its change keeps in memory.
        var size = 0
    }

    private struct Item: Sendable {
        let change: PresenceChange
        var pushes: [Push]
    }

    /// The result of ``add(_:for:)``.
    enum Addition: Equatable, Sendable {
        /// Nothing else runs: perform the change.
        case begins
        case waits
        /// As many messages or bytes wait as may; the message is refused.
        case isRefused
    }

    /// Messages that may wait for answers.
    static let maximumPushes = 16
    static let maximumBytes = ClientMessage.maximumBytes

    private var running: Item?
    private var waiting: Deque<Item> = []
    private var pushCount = 0
    private var bytes = 0

    /// The messages without an answer, in their order.
    var unanswered: [Push] { (running?.pushes ?? []) + waiting.flatMap(\.pushes) }

    mutating func add(_ change: PresenceChange, for push: Push) -> Addition {
        guard pushCount < Self.maximumPushes, bytes + push.size <= Self.maximumBytes else { return .isRefused }
        pushCount += 1
        bytes += push.size
        guard running != nil else {
            running = Item(change: change, pushes: [push])
            return .begins
        }
        var pushes: [Push] = []
        if case .update = change {
            while let last = waiting.last, last.change.isUpdate {
                pushes = last.pushes + pushes
                waiting.removeLast()
            }
        }
        waiting.append(Item(change: change, pushes: pushes + [push]))
        return .waits
    }

    /// Ends the change that runs; returns the messages to answer, and the change to perform next.
    mutating func finish() -> (answered: [Push], next: PresenceChange?) {
        let answered = running?.pushes ?? []
        pushCount -= answered.count
        bytes -= answered.reduce(0) { $0 + $1.size }
        running = waiting.popFirst()
        return (answered, running?.change)
    }
}
