// Rollcall · PresenceStore

import PresenceModel
import Redis

/// A script with its keys and arguments.
struct ScriptCall {
    let script: RedisScript
    let keys: [RedisArgument]
    let arguments: [RedisArgument]
}

/// One connection of the pool, with errors of the store.
///
/// The run_id that a script gets must be that of the server that executes it, so this type supplies both.
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

    /// Throws `refused` before anything is sent: a script that stops at its second command has executed the first.
    func requireWrites(areSilent: Bool = false) throws(StoreError) {
        if !(areSilent ? connection.allowsSilentWrites : connection.allowsWrites) { throw refusalOfWrites }
    }

    /// Throws `refused` before anything is sent when Redis takes no writes; missing rights do not count.
    func requireRenewals() throws(StoreError) {
        if !connection.standing.allowsRenewals { throw refusalOfWrites }
    }

    private var refusalOfWrites: StoreError {
        StoreError(.refused, pool.trouble.map { "\($0)" } ?? "Redis refuses writes")
    }

    /// Arguments of most scripts: the server's run_id, and the epoch that begins if the run_id is a new one.
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

    /// Sends commands in one pipeline; error replies are among the values.
    func pipeline(_ commands: [RedisCommand]) async throws(StoreError) -> [RedisValue] {
        do throws(RedisError) {
            return try await connection.send(commands)
        } catch {
            throw StoreError(error)
        }
    }

    /// Calls scripts in one pipeline; error replies are among the values.
    func pipeline(_ calls: [ScriptCall]) async throws(StoreError) -> [RedisValue] {
        try await pipeline(calls.map(command))
    }

    /// Reads a topic's position and the results of `commands`, all as of one moment.
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
                // Redis has stopped taking writes since the last check, and still serves reads. If it answered
                // `READONLY` to this caller or another one, this connection is closed.
                if !current.connection.isOpen { current = try await successor() }
                script = StoreScripts.look
            }
        }
        return try await current.read(position(script), commands)
    }

    /// Returns another connection; waits for it 1 s at most.
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

    /// The script that reads a topic's position: `look` when Redis takes no writes and so cannot begin an epoch.
    var positionScript: RedisScript { connection.allowsSilentWrites ? StoreScripts.fence : StoreScripts.look }

    private func inTransaction(
        _ fence: RedisCommand, _ commands: [RedisCommand]
    ) async throws(StoreError) -> (StoreReply, [RedisValue]) {
        let transaction = [RedisCommand("MULTI"), fence] + commands + [RedisCommand("EXEC")]
        var values = try await results(of: transaction)
        if values.first?.error?.code == .noScript {
            // Redis has lost its scripts and may lose them again, so the transaction itself brings their source.
            values = try await results(of: transaction.map { $0.withSource ?? $0 })
        }
        guard values.count == 1 + commands.count else { throw .unexpected(.array(values)) }
        for case .error(let error) in values { throw refusal(error) }
        return (try StoreReply(values[0]), Array(values.dropFirst()))
    }

    /// Reads until the position is the same before and after, 16 times at most.
    ///
    /// A full Redis queues no command of a transaction, not even a read. It also takes few changes.
    private func betweenFences(
        _ fence: RedisCommand, _ commands: [RedisCommand]
    ) async throws(StoreError) -> (StoreReply, [RedisValue]) {
        // Sends the source: a script that Redis lost would be sent again only behind the reads that it must enclose.
        let fence = fence.withSource ?? fence
        for _ in 0..<16 {
            let values = try await pipeline([fence] + commands + [fence])
            guard values.count == 2 + commands.count else { throw .unexpected(.array(values)) }
            for case .error(let error) in values { throw refusal(error) }
            let (before, after) = (try StoreReply(values[0]), try StoreReply(values[values.count - 1]))
            if before.cursor == after.cursor { return (before, Array(values.dropFirst().dropLast())) }
        }
        throw StoreError(.unavailable, "Redis is full, and the topic changed during each read")
    }

    /// Returns the results of EXEC; throws the first error reply.
    private func results(of transaction: [RedisCommand]) async throws(StoreError) -> [RedisValue] {
        let values = try await pipeline(transaction)
        for case .error(let error) in values { throw refusal(error) }
        guard let results = values.last?.elements else { throw .unexpected(values.last ?? .null) }
        return results
    }

    /// Converts an error; if Redis refused or is full, the pool checks at once why.
    private func refusal(_ error: RedisError) -> StoreError {
        let meaning = StoreError(error)
        if meaning.code == .refused || meaning.code == .outOfMemory { pool.noteRefusal(error) }
        return meaning
    }

    private func command(_ call: ScriptCall) -> RedisCommand {
        connection.command(call.script, keys: call.keys, arguments: call.arguments)
    }
}
