// Rollcall · PresenceStore

import Presence
import Redis

/// A script with what it is to work on.
struct ScriptCall {
    let script: RedisScript
    let keys: [RedisArgument]
    let arguments: [RedisArgument]
}

/// One connection of the pool, speaking in store errors.
///
/// The run_id that fences a script must be that of the server which executes it, so both come from here.
struct StoreConnection {
    private let connection: RedisConnection

    init(_ pool: RedisPool) throws(StoreError) {
        do throws(RedisError) {
            connection = try pool.connection()
        } catch {
            throw StoreError(error)
        }
    }

    /// The first arguments of most scripts: the server's run_id, and an epoch to begin if that is a new one.
    var fence: [RedisArgument] { [runID, .string(Epoch.random().description)] }

    var runID: RedisArgument { .string(connection.server.runID) }

    func send(_ name: String, _ arguments: [RedisArgument]) async throws(StoreError) -> RedisValue {
        do throws(RedisError) {
            return try await connection.send(RedisCommand(name, arguments))
        } catch {
            throw StoreError(error)
        }
    }

    func call(
        _ script: RedisScript, _ keys: [RedisArgument], _ arguments: [RedisArgument]
    ) async throws(StoreError) -> RedisValue {
        do throws(RedisError) {
            return try await connection.eval(script, keys: keys, arguments: arguments)
        } catch {
            throw StoreError(error)
        }
    }

    /// Sends commands in one go; error replies are among the values.
    func pipeline(_ commands: [RedisCommand]) async throws(StoreError) -> [RedisValue] {
        do throws(RedisError) {
            return try await connection.send(commands)
        } catch {
            throw StoreError(error)
        }
    }

    /// Calls scripts in one go; error replies are among the values.
    func pipeline(_ calls: [ScriptCall]) async throws(StoreError) -> [RedisValue] {
        try await pipeline(calls.map(command))
    }

    /// Reads a topic's position and something else of it in one transaction.
    func atPosition(
        of keys: TopicKeys, _ commands: RedisCommand...
    ) async throws(StoreError) -> (StoreReply, [RedisValue]) {
        let call = ScriptCall(script: StoreScripts.fence, keys: [keys.position], arguments: fence)
        let transaction = [RedisCommand("MULTI"), command(call)] + commands + [RedisCommand("EXEC")]
        var values = try await results(of: transaction)
        if values.first?.error?.code == .noScript {
            // Redis has forgotten its scripts, and inside of a transaction nobody can tell it again.
            try await reloadScripts()
            values = try await results(of: transaction)
        }
        guard values.count == 1 + commands.count else { throw .unexpected(.array(values)) }
        for case .error(let error) in values { throw StoreError(error) }
        return (try StoreReply(values[0]), Array(values.dropFirst()))
    }

    /// Takes what EXEC gives, or the first refusal of a command before it.
    private func results(of transaction: [RedisCommand]) async throws(StoreError) -> [RedisValue] {
        let values = try await pipeline(transaction)
        for case .error(let error) in values { throw StoreError(error) }
        guard let results = values.last?.elements else { throw .unexpected(values.last ?? .null) }
        return results
    }

    private func reloadScripts() async throws(StoreError) {
        do throws(RedisError) {
            try await connection.reloadScripts()
        } catch {
            throw StoreError(error)
        }
    }

    private func command(_ call: ScriptCall) -> RedisCommand {
        connection.command(call.script, keys: call.keys, arguments: call.arguments)
    }
}
