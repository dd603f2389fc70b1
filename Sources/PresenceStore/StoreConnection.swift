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
    private let pool: RedisPool

    init(_ pool: RedisPool) throws(StoreError) {
        self.pool = pool
        do throws(RedisError) {
            connection = try pool.connection()
        } catch {
            guard let trouble = pool.trouble, trouble.isPermanent else { throw StoreError(error) }
            throw StoreError(.refused, "\(trouble)")
        }
    }

    /// Refuses before anything is sent: a script that is stopped at its second command has executed the first.
    func requireWrites(areSilent: Bool = false) throws(StoreError) {
        if !(areSilent ? connection.allowsSilentWrites : connection.allowsWrites) { throw refusalOfWrites }
    }

    /// Refuses before anything is sent where Redis takes no writes; missing rights do not count.
    func requireRenewals() throws(StoreError) {
        if !connection.standing.allowsRenewals { throw refusalOfWrites }
    }

    private var refusalOfWrites: StoreError {
        StoreError(.refused, pool.trouble.map { "\($0)" } ?? "Redis refuses writes")
    }

    /// The first arguments of most scripts: the server's run_id, and an epoch to begin if that is a new one.
    var fence: [RedisArgument] { [runID, .string(Epoch.random().description)] }

    var runID: RedisArgument { .string(serverRunID) }

    var serverRunID: String { connection.server.runID }

    func send(_ name: String, _ arguments: [RedisArgument]) async throws(StoreError) -> RedisValue {
        do throws(RedisError) {
            return try await connection.send(RedisCommand(name, arguments))
        } catch {
            throw refusal(error)
        }
    }

    nonisolated(nonsending) func call(
        _ script: RedisScript, _ keys: [RedisArgument], _ arguments: [RedisArgument]
    ) async throws(StoreError) -> RedisValue {
        do throws(RedisError) {
            return try await connection.eval(script, keys: keys, arguments: arguments)
        } catch {
            throw refusal(error)
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

    /// Reads a topic's position and something else of it, as they were at one moment.
    func atPosition(
        of keys: TopicKeys, _ commands: RedisCommand...
    ) async throws(StoreError) -> (StoreReply, [RedisValue]) {
        func position(_ script: RedisScript) -> RedisCommand {
            command(ScriptCall(script: script, keys: [keys.position], arguments: fence))
        }
        var (current, script) = (self, positionScript)
        for _ in 0..<3 {
            do throws(StoreError) {
                return try await current.read(position(script), commands)
            } catch  where error.code == .refused && script == StoreScripts.fence || current.connection.hasSuccessor {
                // Redis takes no writes since the last look at it, and would still show what it holds. `READONLY`, to
                // this command or to that of another caller, has closed this connection.
                if !current.connection.isOpen { current = try await successor() }
                script = StoreScripts.look
            }
        }
        return try await current.read(position(script), commands)
    }

    /// Another connection, for which it waits a second at most.
    private func successor() async throws(StoreError) -> StoreConnection {
        _ = await pool.waitUntilConnected(timeout: .seconds(1))
        return try StoreConnection(pool)
    }

    private func read(
        _ fence: RedisCommand, _ commands: [RedisCommand]
    ) async throws(StoreError) -> (StoreReply, [RedisValue]) {
        do throws(StoreError) {
            return try await inTransaction(fence, commands)
        } catch  where error.code == .outOfMemory {
            return try await betweenFences(fence, commands)
        }
    }

    /// The script that reads a topic's position; a Redis that takes no writes cannot begin an epoch.
    var positionScript: RedisScript { connection.allowsSilentWrites ? StoreScripts.fence : StoreScripts.look }

    private func inTransaction(
        _ fence: RedisCommand, _ commands: [RedisCommand]
    ) async throws(StoreError) -> (StoreReply, [RedisValue]) {
        let transaction = [RedisCommand("MULTI"), fence] + commands + [RedisCommand("EXEC")]
        var values = try await results(of: transaction)
        if values.first?.error?.code == .noScript {
            // Redis has forgotten its scripts, and may forget again what it would be told before the transaction.
            values = try await results(of: transaction.map { $0.withSource ?? $0 })
        }
        guard values.count == 1 + commands.count else { throw .unexpected(.array(values)) }
        for case .error(let error) in values { throw refusal(error) }
        return (try StoreReply(values[0]), Array(values.dropFirst()))
    }

    /// Reads again until the position was the same before and after: a full Redis queues nothing for a transaction, not
    /// even what only reads, and in return hardly anything can change.
    private func betweenFences(
        _ fence: RedisCommand, _ commands: [RedisCommand]
    ) async throws(StoreError) -> (StoreReply, [RedisValue]) {
        // By its text: a forgotten script would be sent again only behind what it is to stand around.
        let fence = fence.withSource ?? fence
        for _ in 0..<16 {
            let values = try await pipeline([fence] + commands + [fence])
            guard values.count == 2 + commands.count else { throw .unexpected(.array(values)) }
            for case .error(let error) in values { throw refusal(error) }
            let (before, after) = (try StoreReply(values[0]), try StoreReply(values[values.count - 1]))
            if before.cursor == after.cursor { return (before, Array(values.dropFirst().dropLast())) }
        }
        throw StoreError(.unavailable, "Redis is full, and the topic changed at each reading of it")
    }

    /// Takes what EXEC gives, or the first refusal of a command before it.
    private func results(of transaction: [RedisCommand]) async throws(StoreError) -> [RedisValue] {
        let values = try await pipeline(transaction)
        for case .error(let error) in values { throw refusal(error) }
        guard let results = values.last?.elements else { throw .unexpected(values.last ?? .null) }
        return results
    }

    /// Has the pool look at once why Redis refused something.
    private func refusal(_ error: RedisError) -> StoreError {
        let meaning = StoreError(error)
        if meaning.code == .refused || meaning.code == .outOfMemory { pool.noteRefusal(error) }
        return meaning
    }

    private func command(_ call: ScriptCall) -> RedisCommand {
        connection.command(call.script, keys: call.keys, arguments: call.arguments)
    }
}
