// Rollcall · PresenceFeed

package import NIOCore

/// The times and bounds of feeds.
package struct FeedOptions: Sendable {
    /// The least width of the window in which changes of a topic are collected for one diff.
    package var diffWindow = TimeAmount.milliseconds(10)
    /// How long a feed without subscribers is kept for streams that resume.
    package var idleTime = TimeAmount.seconds(60)
    /// How long a new epoch's losses are delayed while nodes restore their presences.
    ///
    /// Longer than a node needs at worst: a pause between attempts (1 s), a connection that swallows packets (2 s), the
    /// next pause, and its recovery spread over 2 s.
    package var lossDelay = TimeAmount.seconds(7)
    /// If the timer for losses fires later than this, the node was stopped meanwhile, and it delays the losses again.
    package var lossTimerSlack = TimeAmount.seconds(1)
    /// The time within which a node restores lost presences that heartbeats kept; less than ``lossDelay``.
    package var restoreTime = TimeAmount.seconds(3)
    /// How long the connection may be lost before subscribers get `degraded`.
    package var degradedDelay = TimeAmount.seconds(1)
    /// How long a first state waits for the subscriber's own track, or for what it saw elsewhere, before it asks Redis.
    package var cursorWait = TimeAmount.seconds(2)
    /// Positions are compared with Redis after 1 to 2 times this, jittered: a lost last message leaves no gap.
    package var positionCheck = TimeAmount.seconds(5)
    /// How long an enriched state is kept for new subscribers: a notification about its data may be lost.
    package var enrichedStates = TimeAmount.seconds(1)
    /// How much earlier than this node another node may have reached the cursor of a stream that resumes.
    package var dataChangeSlack = TimeAmount.seconds(60)
    /// How long a feed without subscribers is kept for a topic that was empty throughout: no stream can miss a change.
    package var emptyIdleTime = TimeAmount.seconds(1)
    /// Topics that the node may follow.
    ///
    /// At the bound ``FeedHub/hasRoom(for:)`` is false, and feeds without subscribers are given up at once.
    package var maximumTopics = 50_000
    /// Bytes of recent changes that all topics together keep for streams that resume.
    package var maximumReplayBytes = 64 << 20
    /// Whether another large state may be made for new subscribers, which may read it slowly.
    package var makeRoom: @Sendable () -> Bool = { true }
    /// When a feed asks for room again.
    package var roomCheck = TimeAmount.milliseconds(100)
    /// How long a subscriber waits for room; after that its state is made all the same.
    package var roomWait = TimeAmount.seconds(30)
    /// Snapshots under way at once.
    package var snapshots = 8

    package init() {}
}
