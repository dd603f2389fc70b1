// Rollcall · Redis

import NIOCore
import Synchronization

/// Collects the encoded commands of callers on any thread for the connection's event loop.
///
/// One lock keeps bytes and requests in the same order. The loop takes all of them at once, so that any number of
/// callers costs one hop, one write and one flush.
final class RedisOutbox<Caller: Sendable>: Sendable {
    private struct Contents: Sendable {
        var bytes = ByteBuffer()
        var requests: [RedisRequest<Caller>] = []
        /// Commands and bytes without a reply, those on their way included.
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

    /// Why the outbox is closed; nil while it is open.
    var endReason: RedisError? { contents.withLock { $0.endReason } }

    /// Adds a request; returns true when the outbox was empty, so that the caller must schedule a send.
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

    /// Removes and returns all requests.
    func take() -> (bytes: ByteBuffer, requests: [RedisRequest<Caller>]) {
        contents.withLock { contents in
            let taken = (contents.bytes, contents.requests)
            contents.bytes = ByteBuffer()
            contents.requests = []
            return taken
        }
    }

    /// Frees the room of answered commands.
    func release(commands: Int, bytes: Int) {
        contents.withLock { contents in
            contents.pendingCommands -= commands
            contents.pendingBytes -= bytes
        }
    }

    /// Refuses all later requests as `.unavailable`, because they are never sent; the first reason counts.
    func close(_ reason: RedisError) {
        contents.withLock { contents in
            if contents.endReason == nil { contents.endReason = reason }
        }
    }
}
