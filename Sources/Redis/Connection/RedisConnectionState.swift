// Rollcall · Redis

import DequeModule
import NIOCore

/// The state of one connection: what to do when it opens, gets a reply, drains or ends; pure.
///
/// Redis replies in the order of the commands, so a reply belongs to the first pending request. `Caller` awaits it.
struct RedisConnectionState<Caller: Sendable>: Sendable {
    private enum Phase: Sendable {
        /// → ready, closed
        case handshake(RedisHandshake)
        /// → draining, closed
        case ready
        /// No request is added, and the pending ones are answered. → closed
        case draining
        /// → nothing
        case closed
    }

    enum Action: Sendable {
        case wait
        case write([RedisCommand])
        case offer(RedisSession)
        case finish(RedisRequest<Caller>, Result<RedisValue, RedisError>)
        /// Finish the request, then close the connection.
        case finishAndClose(RedisRequest<Caller>, Result<RedisValue, RedisError>, RedisError)
        case close(RedisError)
    }

    private struct Pending: Sendable {
        let request: RedisRequest<Caller>
        let deadline: NIODeadline
        /// The replies to a batch that have arrived.
        var values: [RedisValue] = []
        /// The indices of the values that the awaited replies replace, after calls were sent again.
        var replacedIndices: [Int]?
        var answered = 0
    }

    static var shutDown: RedisError { RedisError(.disconnected, "the client is shutting down") }

    private var phase: Phase
    /// Bounded by the outbox, which counts a command until its reply.
    private var pending: Deque<Pending> = []

    init(handshake: RedisHandshake) {
        phase = .handshake(handshake)
    }

    var isDrained: Bool {
        if case .draining = phase { pending.isEmpty } else { false }
    }

    /// When the oldest command must have its reply; later ones are never due before it.
    var nextDeadline: NIODeadline? { pending.first?.deadline }

    var isOpen: Bool {
        if case .closed = phase { false } else { true }
    }

    mutating func opened() -> Action {
        guard case .handshake(var handshake) = phase else { return .wait }
        let commands = handshake.start()
        phase = .handshake(handshake)
        return .write(commands)
    }

    /// Notes a request that the caller writes next, on a connection that was offered and has not ended.
    mutating func sent(_ request: RedisRequest<Caller>, deadline: NIODeadline) {
        pending.append(Pending(request: request, deadline: deadline))
    }

    mutating func received(_ value: RedisValue) -> Action {
        switch phase {
        case .handshake(var handshake):
            let progress = handshake.received(value)
            phase = .handshake(handshake)
            switch progress {
            case .wait: return .wait
            case .send(let commands): return .write(commands)
            case .failed(let error): return .close(error)
            case .done(let session):
                phase = .ready
                return .offer(session)
            }
        case .ready, .draining:
            guard !pending.isEmpty else {
                return .close(RedisError(.protocolViolation, "a reply that nothing asked for"))
            }
            return pending[0].request.isBatch ? answerBatch(value) : answerOne(value)
        case .closed:
            return .wait
        }
    }

    /// Closes the connection once no request is pending.
    mutating func drain() -> Action {
        switch phase {
        case .handshake:
            return .close(Self.shutDown)
        case .ready, .draining:
            phase = .draining
            return pending.isEmpty ? .close(Self.shutDown) : .wait
        case .closed:
            return .wait
        }
    }

    /// Ends the connection and returns, in order, the requests that get no reply.
    mutating func closed() -> [RedisRequest<Caller>] {
        phase = .closed
        defer { pending.removeAll() }
        return pending.map(\.request)
    }

    private mutating func answerOne(_ value: RedisValue) -> Action {
        let first = pending.removeFirst()
        if let command = first.request.commandWithSource(at: 0, after: value) {
            return resend([command], of: first)
        }
        guard case .error(let error) = value else { return .finish(first.request, .success(value)) }
        return finish(first.request, .failure(error), closing: error)
    }

    private mutating func answerBatch(_ value: RedisValue) -> Action {
        let index = pending[0].answered
        pending[0].answered += 1
        let awaited: Int
        if let replacedIndices = pending[0].replacedIndices {
            pending[0].values[replacedIndices[index]] = value
            awaited = replacedIndices.count
        } else {
            pending[0].values.append(value)
            awaited = pending[0].request.count
        }
        guard pending[0].answered == awaited else { return .wait }
        var first = pending.removeFirst()
        let again = first.values.indices.compactMap { index in
            first.request.commandWithSource(at: index, after: first.values[index]).map { (index, $0) }
        }
        guard again.isEmpty else {
            first.replacedIndices = again.map(\.0)
            return resend(again.map(\.1), of: first)
        }
        return finish(
            first.request, .success(.array(first.values)),
            closing: first.values.lazy.compactMap(\.error).first { $0.closesConnection })
    }

    /// Sends calls again with the texts of their scripts, after all commands that were sent before.
    ///
    /// So calls that Redis refused together are repeated in their order, and before all later calls.
    private mutating func resend(_ commands: [RedisCommand], of old: Pending) -> Action {
        let deadline = pending.last?.deadline ?? old.deadline
        pending.append(
            Pending(
                request: old.request.withoutRetry, deadline: deadline, values: old.values,
                replacedIndices: old.replacedIndices))
        return .write(commands)
    }

    private func finish(
        _ request: RedisRequest<Caller>, _ result: Result<RedisValue, RedisError>, closing error: RedisError?
    ) -> Action {
        guard let error, error.closesConnection else { return .finish(request, result) }
        return .finishAndClose(request, result, error)
    }
}
