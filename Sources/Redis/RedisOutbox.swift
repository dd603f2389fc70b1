// Rollcall · Redis

import NIOCore
import Synchronization

/// Where callers on any thread leave encoded commands for the connection's event loop.
///
/// One lock orders bytes and requests alike, and the loop takes all that gathered at once: one hop, one write and
/// one flush, however many callers there were.
final class RedisOutbox<Caller: Sendable>: Sendable {
    private struct Contents: Sendable {
        var bytes = ByteBuffer()
        var requests: [RedisRequest<Caller>] = []
        /// Commands and bytes whose replies are still to come, those on the way included.
        var pendingCommands = 0
        var pendingBytes = 0
        var endReason: RedisError?
    }

    /// Bounded by both maxima: a request over either is refused at once as `.unavailable`.
    private let contents = Mutex(Contents())
    private let maximumPending: Int
    private let maximumPendingBytes: Int

    init(maximumPending: Int, maximumPendingBytes: Int) {
        self.maximumPending = maximumPending
        self.maximumPendingBytes = maximumPendingBytes
    }

    /// Why nothing is taken any more; nil as long as something is.
    var endReason: RedisError? { contents.withLock { $0.endReason } }

    /// Leaves a request; true when nothing lay there before, so that the loop has to be told.
    func put(_ request: RedisRequest<Caller>, _ bytes: ByteBuffer) throws(RedisError) -> Bool {
        try contents.withLock { contents throws(RedisError) in
            if let reason = contents.endReason {
                throw RedisError(.unavailable, "the connection has ended: \(reason)")
            }
            guard
                contents.pendingCommands + request.count <= maximumPending,
                contents.pendingBytes + request.size <= maximumPendingBytes || contents.pendingBytes == 0
            else {
                throw RedisError(.unavailable, "too many commands wait for Redis")
            }
            contents.pendingCommands += request.count
            contents.pendingBytes += request.size
            let isFirst = contents.requests.isEmpty
            if isFirst {
                contents.bytes = bytes
            } else {
                contents.bytes.writeImmutableBuffer(bytes)
            }
            contents.requests.append(request)
            return isFirst
        }
    }

    /// Takes all that lies there.
    func take() -> (bytes: ByteBuffer, requests: [RedisRequest<Caller>]) {
        contents.withLock { contents in
            let taken = (contents.bytes, contents.requests)
            contents.bytes = ByteBuffer()
            contents.requests = []
            return taken
        }
    }

    /// Makes room for as much as was answered.
    func release(commands: Int, bytes: Int) {
        contents.withLock { contents in
            contents.pendingCommands -= commands
            contents.pendingBytes -= bytes
        }
    }

    /// Refuses everything from now on as `.unavailable`: it was never sent.
    func close(_ reason: RedisError) {
        contents.withLock { contents in
            if contents.endReason == nil { contents.endReason = reason }
        }
    }
}
