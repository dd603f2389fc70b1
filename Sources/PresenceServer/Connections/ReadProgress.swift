// Rollcall · PresenceServer

import NIOCore

/// Compares what was written to a connection with what its client has acknowledged.
struct ReadProgress {
    /// The output that TLS has not encrypted yet; nil for HTTP in clear text.
    private let plaintext: PlaintextQueue?
    /// Bytes that were written since the connection began.
    private var written = 0
    /// Bytes of `written` that the client had acknowledged at the last check; nil while no check is due.
    private var sentBefore: Int?

    init(plaintext: PlaintextQueue?) { self.plaintext = plaintext }

    /// Whether a check is due after a time.
    var isWatched: Bool { sentBefore != nil }

    mutating func wrote(_ bytes: Int) { written += bytes }

    /// Bytes that were written and that the client has not acknowledged, those in the kernel included.
    ///
    /// The kernel takes more only when a third of its buffer is free, for which a slow reader may need longer than
    /// `stuckReaderAge`.
    func unsentBytes(_ context: ChannelHandlerContext) -> Int {
        SocketQueue.untakenBytes(context, plaintext) + SocketQueue.unacknowledgedBytes(context)
    }

    /// Begins to watch, from what the client has acknowledged now.
    mutating func watch(_ context: ChannelHandlerContext) { sentBefore = written - unsentBytes(context) }

    /// Checks the client, and watches on while it has bytes to read.
    ///
    /// - Parameter unsent: ``unsentBytes(_:)`` now.
    /// - Returns: False if the client has taken nothing since the last check.
    mutating func check(unsent: Int) -> Bool {
        let sent = written - unsent
        let hasTaken = sentBefore.map { sent > $0 } ?? true
        sentBefore = unsent > 0 ? sent : nil
        return unsent == 0 || hasTaken
    }
}
