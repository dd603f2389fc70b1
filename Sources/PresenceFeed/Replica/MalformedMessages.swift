// Rollcall · PresenceFeed

package import NIOCore

/// Decides about the malformed messages of one topic, as a pure state machine.
///
/// A faulty publisher must cost the node little.
package struct MalformedMessages: Sendable {
    /// The actions after one malformed message.
    package struct Reaction: Equatable, Sendable {
        /// How many messages the log line counts; nil if none is written.
        package let logged: Int?
        /// Whether to load a snapshot, since the message may have held a change.
        package let loads: Bool

        package init(logged: Int?, loads: Bool) {
            self.logged = logged
            self.loads = loads
        }
    }

    /// Between two log lines of a topic.
    package static let logPause = TimeAmount.minutes(1)
    /// The shortest time between two such snapshots; the next message or comparison of positions shows a missed change.
    package static let loadPause = TimeAmount.seconds(1)

    private var unlogged = 0
    private var nextLog = NIODeadline.uptimeNanoseconds(0)
    private var nextLoad = NIODeadline.uptimeNanoseconds(0)

    package init() {}

    package mutating func add(at now: NIODeadline) -> Reaction {
        unlogged += 1
        var logged: Int?
        if now >= nextLog {
            logged = unlogged
            unlogged = 0
            nextLog = now + Self.logPause
        }
        let loads = now >= nextLoad
        if loads { nextLoad = now + Self.loadPause }
        return Reaction(logged: logged, loads: loads)
    }
}
