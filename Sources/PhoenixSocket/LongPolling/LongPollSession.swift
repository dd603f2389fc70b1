// Rollcall · PhoenixSocket

import DequeModule
package import NIOCore

/// The messages of one long-poll session, and the request that waits for them: polls and messages in, answers out.
///
/// A poll is answered with all messages that wait, or with none after ``window``. The messages of an answer are kept
/// until it was sent: if that fails, the next poll gets them again. A session without a poll ends after ``patience``.
///
/// | state | poll comes | messages come | time passes |
/// |---|---|---|---|
/// | idle | answered at once, or waiting | kept | ended after `patience` |
/// | waiting | the older poll is answered with none | answered | answered with none after `window` |
/// | sending | takes the answer for sent | kept | – |
/// | ended | answered with `gone` or `forbidden` | dropped | – |
package struct LongPollSession: Sendable {
    /// The number of a poll in its session.
    package struct PollID: Hashable, Sendable {
        let number: Int
    }

    package enum Kind: Sendable {
        /// A change; a later state replaces it.
        case diff
        /// A whole topic; kept at any size, because no smaller message can replace it.
        case state
        /// Any other message; clients bound their number, and it is never dropped.
        case notice
    }

    package enum Action: Equatable, Sendable {
        case answer(PollID, LongPollAnswer)
        /// Call ``flush(at:)`` at the end of this turn of the event loop, so that one answer has all messages of it.
        case flushSoon
        /// States and diffs were dropped, because the client polls too slowly: no diff may come before a state.
        case queueLost
        /// The client can take states again: request them.
        case requestStates
        /// No poll came for too long.
        case end
    }

    /// How long a poll waits for messages.
    package static let window = TimeAmount.seconds(10)
    /// How long a session lives without a poll; the graces of its presences then begin.
    package static let patience = TimeAmount.seconds(15)

    private struct Message: Sendable {
        let bytes: ByteBuffer
        let kind: Kind
    }

    private struct Poll: Sendable {
        let id: PollID
        let until: NIODeadline
    }

    private enum State: Sendable {
        case idle(until: NIODeadline)
        case waiting(Poll)
        case sending(PollID, [Message])
        case ended(LongPollAnswer)
    }

    private let token: String
    private let slowReaderBytes: Int
    private var state: State
    /// At ``slowReaderBytes`` the next diff drops all states and diffs, and the client gets states instead.
    private var waiting: Deque<Message> = []
    private var bytes = 0
    private var mustRequestStates = false
    private var isFlushing = false
    private var polls = 0

    /// - Parameters:
    ///   - token: The text of the token, which each answer repeats.
    ///   - slowReaderBytes: Bytes that may wait for the client.
    package init(token: String, slowReaderBytes: Int, at now: NIODeadline) {
        self.token = token
        self.slowReaderBytes = slowReaderBytes
        state = .idle(until: now + Self.patience)
    }

    // MARK: Polls

    /// Takes a poll of the client.
    package mutating func poll(at now: NIODeadline) -> (PollID, [Action]) {
        polls += 1
        let id = PollID(number: polls)
        var actions: [Action] = []
        switch state {
        case .ended(let answer): return (id, [.answer(id, answer)])
        case .waiting(let older): actions.append(.answer(older.id, noContent))
        case .sending(_, let sent): forget(sent)
        case .idle: break
        }
        if mustRequestStates {
            mustRequestStates = false
            actions.append(.requestStates)
        }
        if waiting.isEmpty {
            state = .waiting(Poll(id: id, until: now + Self.window))
        } else {
            actions.append(send(to: id))
        }
        return (id, actions)
    }

    /// Notes that the answer to a poll was sent, or that it could not be: the messages wait again.
    ///
    /// - Returns: False if that was known already.
    @discardableResult
    package mutating func answerEnded(_ id: PollID, wasSent: Bool, at now: NIODeadline) -> Bool {
        guard case .sending(id, let sent) = state else { return false }
        state = .idle(until: now + Self.patience)
        if wasSent { forget(sent) } else { waiting.prepend(contentsOf: sent) }
        return true
    }

    // MARK: Messages

    /// Takes a message for the client.
    package mutating func add(_ message: ByteBuffer, as kind: Kind) -> [Action] {
        if case .ended = state { return [] }
        if kind == .diff, bytes + message.readableBytes > slowReaderBytes {
            forget(waiting.filter { $0.kind != .notice })
            waiting.removeAll { $0.kind != .notice }
            mustRequestStates = true
            return [.queueLost]
        }
        waiting.append(Message(bytes: message, kind: kind))
        bytes += message.readableBytes
        guard case .waiting = state, !isFlushing else { return [] }
        isFlushing = true
        return [.flushSoon]
    }

    /// Answers the poll that waits, if there are messages.
    package mutating func flush(at now: NIODeadline) -> [Action] {
        isFlushing = false
        guard case .waiting(let poll) = state, !waiting.isEmpty else { return [] }
        return [send(to: poll.id)]
    }

    // MARK: Time and end

    /// The time at which ``timePassed(at:)`` must be called; nil if never.
    package var deadline: NIODeadline? {
        switch state {
        case .idle(let until): until
        case .waiting(let poll): poll.until
        case .sending, .ended: nil
        }
    }

    package mutating func timePassed(at now: NIODeadline) -> [Action] {
        switch state {
        case .waiting(let poll) where now >= poll.until:
            state = .idle(until: now + Self.patience)
            return [.answer(poll.id, noContent)]
        case .idle(let until) where now >= until:
            close(LongPollAnswer(.gone))
            return [.end]
        case .waiting, .idle, .sending, .ended: return []
        }
    }

    /// Ends the session; a poll that waits, and each later one, is answered with `gone`, or with `forbidden` for a code
    /// after which the same credential opens no socket.
    package mutating func end(_ code: CloseCode?) -> [Action] {
        if case .ended = state { return [] }
        let answer = LongPollAnswer(code == .policyViolation ? .forbidden : .gone)
        let before = state
        close(answer)
        guard case .waiting(let poll) = before else { return [] }
        return [.answer(poll.id, answer)]
    }

    private mutating func close(_ answer: LongPollAnswer) {
        state = .ended(answer)
        waiting = []
        bytes = 0
    }

    private var noContent: LongPollAnswer { LongPollAnswer(.noContent, token: token) }

    /// Answers a poll with all messages that wait.
    private mutating func send(to id: PollID) -> Action {
        let messages = Array(waiting)
        waiting = []
        state = .sending(id, messages)
        return .answer(id, LongPollAnswer(.ok, token: token, messages: messages.map(\.bytes)))
    }

    private mutating func forget(_ messages: some Sequence<Message>) {
        bytes -= messages.reduce(0) { $0 + $1.bytes.readableBytes }
    }
}
