// Rollcall · Redis

import NIOCore
import Synchronization

/// One connection to Redis, ready to be used, on which any number of callers pipeline their commands.
///
/// A cancelled caller still waits for its reply or the time-out. A caller that is bound to an event loop stays on it.
package final class RedisConnection: Sendable {
    package let server: RedisServerInfo
    private let session: RedisSession
    private let channel: any Channel
    private let handler: NIOLoopBound<RedisChannelHandler>
    private let outbox: RedisOutbox<RedisChannelHandler.Caller>
    private let lastStanding: Mutex<RedisPermissions>
    /// Copies of two answers of the standing, which each write reads without a lock.
    private let isWritable: Atomic<Bool>
    private let isSilentlyWritable: Atomic<Bool>
    private let isReplaced = Atomic(false)
    /// Succeeds when the connection is closed, or the server turns out to be read-only.
    private let closedOrReadOnly: EventLoopPromise<Void>

    init(
        session: RedisSession, channel: any Channel, handler: NIOLoopBound<RedisChannelHandler>,
        outbox: RedisOutbox<RedisChannelHandler.Caller>
    ) {
        self.server = session.server
        self.session = session
        self.channel = channel
        self.handler = handler
        self.outbox = outbox
        self.lastStanding = Mutex(session.standing)
        self.isWritable = Atomic(session.standing.allowsWrites)
        self.isSilentlyWritable = Atomic(session.standing.allowsSilentWrites)
        let closedOrReadOnly = channel.eventLoop.makePromise(of: Void.self)
        self.closedOrReadOnly = closedOrReadOnly
        channel.closeFuture.whenComplete { _ in closedOrReadOnly.succeed() }
        if session.standing.isReadOnly { closedOrReadOnly.succeed() }
    }

    /// Whether the connection takes commands.
    package var isOpen: Bool { outbox.endReason == nil }

    /// Whether the connection ends because the server is read-only: the pool has replaced it, or soon will.
    package var hasSuccessor: Bool { isReplaced.load(ordering: .relaxed) || outbox.endReason?.code == .readOnly }

    /// Drains the connection after the pool has replaced it.
    func drainReplaced() {
        isReplaced.store(true, ordering: .relaxed)
        drain()
    }

    /// Whether the last known standing permits a write.
    package var allowsWrites: Bool { isWritable.load(ordering: .relaxed) }

    /// Whether the last known standing permits a write that publishes nothing.
    package var allowsSilentWrites: Bool { isSilentlyWritable.load(ordering: .relaxed) }

    /// The permissions of the server, by the handshake, the last ``ask(_:)`` or a later refusal.
    package var standing: RedisPermissions { lastStanding.withLock { $0 } }

    /// Asks the server what it permits now, and sets the standing.
    func ask(_ admission: RedisAdmission) async throws(RedisError) {
        let replies = try await send(session.commands(admission))
        guard replies.count == 2 else {
            throw RedisError(.protocolViolation, "two commands did not get two replies")
        }
        let standing = try RedisPermissions(rights: replies[0], writing: replies[1])
        setStanding(standing)
    }

    /// Notes that Redis refused a write; returns false when a refusal was known already.
    func noteRefusal(_ error: RedisError) -> Bool {
        var standing = standing
        guard standing.refusal == nil else { return false }
        standing.refusal = error
        setStanding(standing)
        return true
    }

    /// Sets the standing: the latest one of this connection, or of another one of the same user.
    func setStanding(_ standing: RedisPermissions) {
        lastStanding.withLock { $0 = standing }
        isWritable.store(standing.allowsWrites, ordering: .relaxed)
        isSilentlyWritable.store(standing.allowsSilentWrites, ordering: .relaxed)
        if standing.isReadOnly { closedOrReadOnly.succeed() }
    }

    /// Sends one command; throws an error reply.
    package nonisolated(nonsending) func send(_ command: RedisCommand) async throws(RedisError) -> RedisValue {
        try await send([command], isBatch: false)
    }

    /// Sends commands without commands of other callers between them; returns error replies among the values.
    ///
    /// Calls of scripts that Redis did not know are repeated, in their order, after the other commands. Inside MULTI
    /// they cannot be: the error is in the reply to EXEC, and the caller may send `RedisCommand.withSource`.
    package nonisolated(nonsending) func send(_ commands: [RedisCommand]) async throws(RedisError) -> [RedisValue] {
        guard !commands.isEmpty else { return [] }
        return try await send(commands, isBatch: true).elements ?? []
    }

    /// Calls a script by its digest, or with its text when Redis does not know it.
    package nonisolated(nonsending) func eval(
        _ script: RedisScript, keys: [RedisArgument], arguments: [RedisArgument]
    ) async throws(RedisError) -> RedisValue {
        try await send(command(script, keys: keys, arguments: arguments))
    }

    /// Makes the command that calls a script, for a batch on this connection.
    package func command(
        _ script: RedisScript, keys: [RedisArgument], arguments: [RedisArgument]
    ) -> RedisCommand {
        session.command(script, keys: keys, arguments: arguments)
    }

    /// Waits for the end and returns its reason; nil when the server turns out to be read-only first.
    ///
    /// A cancelled wait drains the connection.
    func untilClosedOrReadOnly() async -> RedisError? {
        await withTaskCancellationHandler {
            try? await closedOrReadOnly.futureResult.get()
        } onCancel: {
            drain()
        }
        return outbox.endReason
    }

    /// Waits for the end; a cancelled wait returns at once and leaves the connection open.
    func untilClosedOrCancelled() async {
        let end = channel.eventLoop.makePromise(of: Void.self)
        channel.closeFuture.whenComplete { _ in end.succeed() }
        await withTaskCancellationHandler {
            try? await end.futureResult.get()
        } onCancel: {
            end.succeed()
        }
    }

    /// Waits for the end and returns its reason; a cancelled wait drains the connection.
    func untilClosed() async -> RedisError {
        await withTaskCancellationHandler {
            try? await channel.closeFuture.get()
        } onCancel: {
            drain()
        }
        return outbox.endReason ?? RedisError(.disconnected, "the connection was closed")
    }

    /// Refuses new commands, and closes the connection once all sent ones are answered or overdue.
    func drain() {
        channel.eventLoop.execute { self.handler.value.drain() }
    }

    private nonisolated(nonsending) func send(_ commands: [RedisCommand], isBatch: Bool) async throws(RedisError)
        -> RedisValue
    {
        var bytes = channel.allocator.buffer(capacity: commands.reduce(0) { $0 + $1.encodedSize })
        for command in commands { command.encode(into: &bytes) }
        let result = await withCheckedContinuation { (caller: RedisChannelHandler.Caller) in
            let request = RedisRequest(caller: caller, commands: commands, isBatch: isBatch, size: bytes.readableBytes)
            do throws(RedisError) {
                if try outbox.put(request, bytes) {
                    channel.eventLoop.execute { self.handler.value.sendOutbox() }
                }
            } catch {
                caller.resume(returning: .failure(error))
            }
        }
        return try result.get()
    }
}

/// Two scripts that find out what Redis permits to the user of a connection; neither changes anything.
///
/// Both run on each connection before it is offered, and again each `RedisOptions.admissionInterval`.
package struct RedisAdmission: Sendable {
    /// Replies with the names of the missing rights; a script that Redis runs also while it refuses writes.
    package let rights: RedisScript
    package let arguments: [RedisArgument]
    /// A script that Redis takes for a writing one, so that Redis runs it only while it takes writes.
    package let writing: RedisScript

    package init(rights: RedisScript, arguments: [RedisArgument], writing: RedisScript) {
        self.rights = rights
        self.arguments = arguments
        self.writing = writing
    }
}
