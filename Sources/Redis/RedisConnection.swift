// Rollcall · Redis

/// One connection to Redis, ready to be used, on which any number of callers pipeline their commands.
package final class RedisConnection: Sendable {
    package let server: RedisServerInfo

    init(server: RedisServerInfo) {
        self.server = server
    }

    /// Sends one command; an error reply is thrown.
    package func send(_ command: RedisCommand) async throws(RedisError) -> RedisValue {
        throw RedisError(.unavailable, "")
    }

    /// Sends commands that nobody's command comes between; error replies are among the values.
    package func send(_ commands: [RedisCommand]) async throws(RedisError) -> [RedisValue] {
        throw RedisError(.unavailable, "")
    }

    /// Calls a script, by its digest as long as Redis knows it.
    package func eval(
        _ script: RedisScript, keys: [RedisArgument], arguments: [RedisArgument]
    ) async throws(RedisError) -> RedisValue {
        try await send(command(script, keys: keys, arguments: arguments))
    }

    /// Makes the command that calls a script, for use among others.
    package func command(
        _ script: RedisScript, keys: [RedisArgument], arguments: [RedisArgument]
    ) -> RedisCommand {
        RedisCommand(digest: nil, source: script.source, keys: keys, arguments: arguments)
    }

    /// Loads all scripts of the options again: before a transaction that failed with `NOSCRIPT` is repeated.
    package func reloadScripts() async throws(RedisError) {
    }
}
