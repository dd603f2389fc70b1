// Rollcall · Redis

import NIOCore
import Synchronization

/// One connection to Redis, ready to be used, on which any number of callers pipeline their commands.
///
/// A caller that is cancelled still waits for its reply, for the command time-out at the longest. Callers that are bound to
/// an event loop stay on it.
package final class RedisConnection: Sendable {
    package let server: RedisServerInfo
    private let session: RedisSession
    private let channel: any Channel
    private let handler: NIOLoopBound<RedisChannelHandler>
    private let outbox: RedisOutbox<RedisChannelHandler.Caller>
    private let lastStanding: Mutex<RedisPermissions>
    /// What the standing says, for each write to look at.
    private let isWritable: Atomic<Bool>
    private let isSilentlyWritable: Atomic<Bool>
    private let isReplaced = Atomic(false)
    /// Succeeds when the connection is closed, or the server turns out to be read-only.
    private let turn: EventLoopPromise<Void>

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
        let turn = channel.eventLoop.makePromise(of: Void.self)
        self.turn = turn
        channel.closeFuture.whenComplete { _ in turn.succeed() }
        if session.standing.isReadOnly { turn.succeed() }
    }

    /// Whether commands are still taken.
    package var isOpen: Bool { outbox.endReason == nil }

    /// Whether it ends because the server is read-only: the pool has another one in its place, or soon will.
    package var hasSuccessor: Bool { isReplaced.load(ordering: .relaxed) || outbox.endReason?.code == .readOnly }

    /// Ends it, after what was sent is answered, since another one was put in its place.
    func drainReplaced() {
        isReplaced.store(true, ordering: .relaxed)
        drain()
    }

    /// Whether a write may be sent, as far as is known.
    package var allowsWrites: Bool { isWritable.load(ordering: .relaxed) }

    /// Whether a write may be sent that publishes nothing.
    package var allowsSilentWrites: Bool { isSilentlyWritable.load(ordering: .relaxed) }

    /// What the server permits, as the handshake or the last ``ask(_:)`` found out.
    package var standing: RedisPermissions { lastStanding.withLock { $0 } }

    /// Asks the server what it permits now.
    func ask(_ admission: RedisAdmission) async throws(RedisError) {
        let replies = try await send(session.commands(admission))
        guard replies.count == 2 else {
            throw RedisError(.protocolViolation, "two commands have other than two replies")
        }
        let standing = try RedisPermissions(rights: replies[0], writing: replies[1])
        stand(standing)
    }

    /// Notes that Redis refused a write; returns whether no refusal was known.
    func refuse(_ error: RedisError) -> Bool {
        var standing = standing
        guard standing.refusal == nil else { return false }
        standing.refusal = error
        stand(standing)
        return true
    }

    /// Takes the standing of another connection of the same user, which was asked later.
    func stand(_ standing: RedisPermissions) {
        lastStanding.withLock { $0 = standing }
        isWritable.store(standing.allowsWrites, ordering: .relaxed)
        isSilentlyWritable.store(standing.allowsSilentWrites, ordering: .relaxed)
        if standing.isReadOnly { turn.succeed() }
    }

    /// Sends one command; an error reply is thrown.
    package nonisolated(nonsending) func send(_ command: RedisCommand) async throws(RedisError) -> RedisValue {
        try await send([command], isBatch: false)
    }

    /// Sends commands in one go, without commands of other callers between them; error replies are among the values.
    ///
    /// Script calls that Redis did not know are repeated, in their order, after the rest of the commands. Inside of
    /// MULTI that cannot be: there the error is in the reply to EXEC, and `RedisCommand.withSource` helps.
    package nonisolated(nonsending) func send(_ commands: [RedisCommand]) async throws(RedisError) -> [RedisValue] {
        guard !commands.isEmpty else { return [] }
        return try await send(commands, isBatch: true).elements ?? []
    }

    /// Calls a script, by its digest as long as Redis knows it.
    package nonisolated(nonsending) func eval(
        _ script: RedisScript, keys: [RedisArgument], arguments: [RedisArgument]
    ) async throws(RedisError) -> RedisValue {
        try await send(command(script, keys: keys, arguments: arguments))
    }

    /// Makes the command that calls a script, for use among others on this connection.
    package func command(
        _ script: RedisScript, keys: [RedisArgument], arguments: [RedisArgument]
    ) -> RedisCommand {
        session.command(script, keys: keys, arguments: arguments)
    }

    /// Waits for the end and returns its reason; nil when the server turns out to be read-only first.
    ///
    /// A cancelled wait brings the end about, after what was sent is answered.
    func untilClosedOrReadOnly() async -> RedisError? {
        await withTaskCancellationHandler {
            try? await turn.futureResult.get()
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

    /// Waits for the end and returns its reason; a cancelled wait brings the end about.
    func untilClosed() async -> RedisError {
        await withTaskCancellationHandler {
            try? await channel.closeFuture.get()
        } onCancel: {
            drain()
        }
        return outbox.endReason ?? RedisError(.disconnected, "the connection was closed")
    }

    /// Takes nothing more, and closes once everything that was sent is answered.
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
