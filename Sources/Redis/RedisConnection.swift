// Rollcall · Redis

import NIOCore

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

    init(
        session: RedisSession, channel: any Channel, handler: NIOLoopBound<RedisChannelHandler>,
        outbox: RedisOutbox<RedisChannelHandler.Caller>
    ) {
        self.server = session.server
        self.session = session
        self.channel = channel
        self.handler = handler
        self.outbox = outbox
    }

    /// Whether commands are still taken.
    package var isOpen: Bool { outbox.endReason == nil }

    /// Sends one command; an error reply is thrown.
    package nonisolated(nonsending) func send(_ command: RedisCommand) async throws(RedisError) -> RedisValue {
        try await send([command], isBatch: false)
    }

    /// Sends commands that nobody's command comes between; error replies are among the values.
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

    /// Waits for the end and tells its reason; a cancelled wait brings the end about, after what was sent is answered.
    func untilClosed() async -> RedisError {
        await withTaskCancellationHandler {
            try? await channel.closeFuture.get()
        } onCancel: {
            channel.eventLoop.execute { self.handler.value.drain() }
        }
        return outbox.endReason ?? RedisError(.disconnected, "the connection was closed")
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
