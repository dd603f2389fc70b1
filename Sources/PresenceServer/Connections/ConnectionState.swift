// Rollcall · PresenceServer

import DequeModule
import NIOCore

/// The state of one HTTP/1 connection: what may be read, which answers are owed, and when it must close.
///
/// Answers go out in the order of requests. At most one refusal stands behind them, and nothing is read after it. The
/// number of answers that are owed is bounded by the server's back pressure.
struct ConnectionState {
    /// Bytes of a body that are read past after its request was answered; more would be cheaper as a new connection.
    static let drainAllowance = 64 << 10

    private enum Input: Equatable {
        /// Waits for a request; whether a part of its head has come.
        case head(hasBegun: Bool)
        /// Reads a body, which may be empty.
        case body
        /// Takes no request any more; what comes is dropped.
        case ended
    }

    /// An answer that is owed.
    private struct Answer {
        let isHead: Bool
        let isHTTP10: Bool
        var closes: Bool
        /// Bytes of the request's body that the node's budget counts.
        var bodyBytes = 0
    }

    /// How the head of an answer is written.
    struct AnswerHead: Equatable {
        let isHead: Bool
        let isHTTP10: Bool
        let closes: Bool
    }

    struct Refusal {
        let problem: Problem
        let isHead: Bool
    }

    /// What the handler must do next.
    enum Action {
        case none
        /// Write the refusal, then ``close``.
        case refuse(Refusal)
        /// Send what is written, end the output, and close when the client has closed or has had its time to.
        case close
        /// Close without an answer.
        case abort
    }

    private var input = Input.head(hasBegun: false)
    private var answers: Deque<Answer> = []
    /// Whether the head of the first answer is written.
    private var isAnswering = false
    /// Whether the request that is being read still has its answer in `answers`.
    private var ownsCurrentAnswer = false
    private var refusal: Refusal?
    private var owesContinue = false
    /// Bytes of the body that are still to come, where its length is known.
    private var unread = 0
    private var drained = 0
    private var since: NIODeadline
    private var quiescedAt: NIODeadline?
    private(set) var isInputClosed = false
    /// No answer is written any more.
    private(set) var isClosing = false
    /// Bytes of bodies that the node's budget counts for this connection.
    private(set) var bodyBytes = 0

    init(at now: NIODeadline) { since = now }

    // MARK: Requests

    /// Whether the head of a request may be read.
    var takesRequests: Bool { if case .head = input { !isClosing } else { false } }

    /// Notes that a part of a head has come.
    mutating func headBegan(at now: NIODeadline) {
        guard input == .head(hasBegun: false) else { return }
        input = .head(hasBegun: true)
        since = now
    }

    /// Takes a request.
    ///
    /// - Parameter bodyBytes: What the budget counts for its body.
    mutating func begin(_ framing: RequestFraming, bodyBytes: Int = 0, at now: NIODeadline) {
        input = .body
        since = now
        answers.append(
            Answer(
                isHead: framing.isHead, isHTTP10: framing.isHTTP10, closes: framing.closes, bodyBytes: bodyBytes))
        ownsCurrentAnswer = true
        owesContinue = framing.expectsContinue
        unread = if case .length(let bytes) = framing.body { bytes } else { 0 }
        drained = 0
        self.bodyBytes += bodyBytes
    }

    /// Whether the bytes of a body belong to a request that is not answered yet.
    var takesBody: Bool { input == .body && ownsCurrentAnswer }

    /// Notes that a part of a body has come.
    ///
    /// - Parameter counted: What the budget counts for it beyond what ``begin(_:bodyBytes:at:)`` said.
    mutating func bodyArrived(_ bytes: Int, counted: Int = 0) -> Action {
        guard input == .body else { return .none }
        owesContinue = false
        unread = max(0, unread - bytes)
        guard ownsCurrentAnswer else {
            drained += bytes
            return drained > Self.drainAllowance ? close() : .none
        }
        answers[answers.count - 1].bodyBytes += counted
        bodyBytes += counted
        return .none
    }

    /// Ends a request; false where its end is dropped.
    mutating func end(at now: NIODeadline) -> Bool {
        guard input == .body else { return false }
        owesContinue = false
        since = now
        let closes = ownsCurrentAnswer && answers.last?.closes == true
        input = closes ? .ended : .head(hasBegun: false)
        ownsCurrentAnswer = false
        return true
    }

    /// Whether `100 Continue` is due; it is sent once, when the request's turn to be answered has come.
    mutating func takeContinue() -> Bool {
        guard owesContinue, answers.count == 1, !isAnswering, ownsCurrentAnswer else { return false }
        owesContinue = false
        return true
    }

    /// Takes nothing more, and answers with a problem after the answers that are owed.
    ///
    /// - Parameter isHead: Whether the problem answers HEAD; nil for the request that is being read.
    mutating func refuse(_ problem: Problem, isHead: Bool? = nil) -> Action {
        guard !isClosing, refusal == nil, input != .ended else { return .none }
        let isInterrupted = input == .body
        input = .ended
        var isHead = isHead ?? false
        if isInterrupted {
            // Its answer is gone or on its way: a second one would be taken for that of another request.
            guard ownsCurrentAnswer else { return close() }
            guard !(answers.count == 1 && isAnswering) else {
                answers[0].closes = true
                return .none
            }
            let answer = answers.removeLast()
            ownsCurrentAnswer = false
            bodyBytes -= answer.bodyBytes
            isHead = answer.isHead
        }
        let refusal = Refusal(problem: problem, isHead: isHead)
        guard answers.isEmpty else {
            self.refusal = refusal
            return .none
        }
        _ = close()
        return .refuse(refusal)
    }

    // MARK: Answers

    /// Begins the answer to the oldest request; nil when it must not be written any more.
    ///
    /// - Parameter asksToClose: Whether the answer itself says `Connection: close`.
    mutating func answerBegins(asksToClose: Bool) -> AnswerHead? {
        guard !isClosing, !isAnswering, let first = answers.first else { return nil }
        isAnswering = true
        let isLast = answers.count == 1
        let isLongUnread = isLast && ownsCurrentAnswer && unread > Self.drainAllowance
        let isLastOfAll = isLast && refusal == nil && (isInputClosed || quiescedAt != nil)
        if asksToClose || isLongUnread || isLastOfAll { answers[0].closes = true }
        if isLast { owesContinue = false }
        return AnswerHead(isHead: first.isHead, isHTTP10: first.isHTTP10, closes: answers[0].closes)
    }

    var isInAnswer: Bool { isAnswering }

    /// The answer that has begun can only end with the connection.
    mutating func answerEndsWithConnection() {
        if !answers.isEmpty { answers[0].closes = true }
    }

    mutating func answerEnded(at now: NIODeadline) -> Action {
        guard isAnswering else { return .none }
        isAnswering = false
        let answer = answers.removeFirst()
        bodyBytes -= answer.bodyBytes
        if answers.isEmpty { ownsCurrentAnswer = false }
        if answers.count <= 1 { since = now }
        if answer.closes { return close() }
        guard answers.isEmpty else { return .none }
        if let refusal {
            _ = close()
            return .refuse(refusal)
        }
        return isInputClosed ? close() : .none
    }

    // MARK: Ends

    /// The client sends nothing any more.
    mutating func inputClosed() -> Action {
        isInputClosed = true
        return answers.isEmpty && !isClosing && refusal == nil ? close() : .none
    }

    /// The node stops: an idle connection closes, another one with its answer.
    ///
    /// - Parameter hasUnsent: Whether the client still reads an answer that has ended here.
    mutating func quiesce(at now: NIODeadline, hasUnsent: Bool) -> Action {
        guard quiescedAt == nil else { return .none }
        quiescedAt = now
        guard answers.isEmpty, !isClosing, input == .head(hasBegun: false) else { return .none }
        return hasUnsent ? close() : .abort
    }

    mutating func close() -> Action {
        guard !isClosing else { return .none }
        isClosing = true
        input = .ended
        bodyBytes = 0
        return .close
    }

    // MARK: Time

    /// When the client must have done what is awaited of it; nil while it waits for the server.
    func deadline(_ times: ConnectionTimes) -> NIODeadline? {
        let deadline: NIODeadline
        switch input {
        case .head(hasBegun: false) where answers.isEmpty: deadline = since + times.idle
        case .head(hasBegun: true) where answers.isEmpty: deadline = since + times.head
        case .body where answers.count <= 1: deadline = since + times.body
        default: return nil
        }
        // A node that stops has some seconds only.
        return quiescedAt.map { min(deadline, $0 + .seconds(2)) } ?? deadline
    }

    /// When a connection closes although its client goes on to send.
    ///
    /// - Parameters:
    ///   - end: When the last response was sent.
    ///   - lastByte: When the client sent something last.
    func lingerDeadline(_ times: ConnectionTimes, since end: NIODeadline, lastByte: NIODeadline) -> NIODeadline {
        let deadline = min(end + times.longestLinger, lastByte + times.linger)
        return quiescedAt.map { min(deadline, max($0, end) + .seconds(2)) } ?? deadline
    }

    /// Does what the deadline demands.
    ///
    /// - Parameters:
    ///   - isHead: Whether the request that has begun is HEAD.
    ///   - hasUnsent: Whether the client still reads an answer that has ended here.
    mutating func expire(
        _ times: ConnectionTimes, at now: NIODeadline, isHead: Bool = false, hasUnsent: Bool
    ) -> Action {
        guard let deadline = deadline(times), now >= deadline else { return .none }
        switch input {
        case .head(hasBegun: false), .ended: return hasUnsent ? close() : .abort
        case .head(hasBegun: true):
            return refuse(
                Problem(.requestTimeout, "The head of the request did not come within \(times.head.inSeconds) s."),
                isHead: isHead)
        case .body:
            return refuse(
                Problem(.requestTimeout, "The body of the request did not come within \(times.body.inSeconds) s."))
        }
    }

    /// A response was still being sent, so the connection was not idle until now.
    mutating func sentUntil(_ now: NIODeadline) {
        if input == .head(hasBegun: false) { since = max(since, now) }
    }
}

extension TimeAmount {
    /// Whole seconds, for texts.
    fileprivate var inSeconds: Int64 { nanoseconds / 1_000_000_000 }
}
