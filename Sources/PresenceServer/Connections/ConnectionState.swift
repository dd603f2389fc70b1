// Rollcall · PresenceServer

import DequeModule
import NIOCore

/// The state of one HTTP/1 connection: what it reads, which answers it owes, and when it closes.
///
/// Answers are written in the order of requests. At most one refusal comes behind them, and no request is read after
/// it. The server's back pressure bounds the number of owed answers.
struct ConnectionState {
    /// Bytes of a body that are read and dropped after its request was answered; for more, a new connection costs less.
    static let drainAllowance = 64 << 10

    private enum Input: Equatable {
        /// Waits for a request; `hasBegun` once a part of its head has arrived.
        case head(hasBegun: Bool)
        /// Reads a body, which may be empty.
        case body
        /// Reads no further request; further bytes are dropped.
        case ended
    }

    /// An owed answer.
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

    /// The next action of the handler.
    enum Action {
        case none
        /// Write the refusal, then ``close``.
        case refuse(Refusal)
        /// Flush, end the output, and close when the client has closed or the linger time is over.
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
    /// Bytes of the body that have not arrived, if its length is known.
    private var unread = 0
    private var drained = 0
    private var since: NIODeadline
    private var quiescedAt: NIODeadline?
    private(set) var isInputClosed = false
    /// Whether no further answer is written.
    private(set) var isClosing = false
    /// Bytes of bodies that the node's budget counts for this connection.
    private(set) var bodyBytes = 0

    init(at now: NIODeadline) { since = now }

    // MARK: Requests

    /// Whether bytes of the client belong to requests.
    var readsRequests: Bool { input != .ended }

    /// Whether the head of a request may be read.
    var takesRequests: Bool { if case .head = input { !isClosing } else { false } }

    /// Notes that a part of a head has arrived.
    mutating func headBegan(at now: NIODeadline) {
        guard input == .head(hasBegun: false) else { return }
        input = .head(hasBegun: true)
        since = now
    }

    /// Begins a request.
    ///
    /// - Parameter bodyBytes: Bytes that the budget counts for its body.
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

    /// Notes that a part of a body has arrived.
    ///
    /// - Parameter counted: Bytes that the budget counts for it, in addition to those of ``begin(_:bodyBytes:at:)``.
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

    /// Ends a request; returns false if its end must be dropped.
    mutating func end(at now: NIODeadline) -> Bool {
        guard input == .body else { return false }
        owesContinue = false
        since = now
        let closes = ownsCurrentAnswer && answers.last?.closes == true
        input = closes ? .ended : .head(hasBegun: false)
        ownsCurrentAnswer = false
        return true
    }

    /// Returns whether to send `100 Continue` now: once, when the request is the next one to be answered.
    mutating func takeContinue() -> Bool {
        guard owesContinue, answers.count == 1, !isAnswering, ownsCurrentAnswer else { return false }
        owesContinue = false
        return true
    }

    /// Stops reading, and answers with a problem after the owed answers.
    ///
    /// - Parameter isHead: Whether the problem answers HEAD; nil for the request that is being read.
    mutating func refuse(_ problem: Problem, isHead: Bool? = nil) -> Action {
        guard !isClosing, refusal == nil, input != .ended else { return .none }
        let isInterrupted = input == .body
        input = .ended
        var isHead = isHead ?? false
        if isInterrupted {
            // The request was answered: the client would take a second answer for that of its next request.
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

    /// Begins the answer to the oldest request; returns nil if the answer must be dropped.
    ///
    /// - Parameter asksToClose: Whether the answer has `Connection: close`.
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

    /// Notes that the end of the connection ends the present answer.
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

    /// Notes that the client has ended its output.
    mutating func inputClosed() -> Action {
        isInputClosed = true
        return answers.isEmpty && !isClosing && refusal == nil ? close() : .none
    }

    /// Notes that the node stops: an idle connection closes at once, any other one after its answer.
    ///
    /// - Parameter hasUnsent: Whether the client has not yet received all of an answer that has ended here.
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

    /// The time by which the client must send; nil while it waits for the server.
    func deadline(_ times: ConnectionTimes) -> NIODeadline? {
        let deadline: NIODeadline
        switch input {
        case .head(hasBegun: false) where answers.isEmpty: deadline = since + times.idleTimeout
        case .head(hasBegun: true) where answers.isEmpty: deadline = since + times.headTimeout
        case .body where answers.count <= 1: deadline = since + times.bodyTimeout
        default: return nil
        }
        // A node that stops waits for two seconds only.
        return quiescedAt.map { min(deadline, $0 + .seconds(2)) } ?? deadline
    }

    /// The time at which a lingering connection closes, even if its client still sends.
    ///
    /// - Parameters:
    ///   - end: When the last response was sent.
    ///   - lastByte: When the client sent its last byte so far.
    func lingerDeadline(_ times: ConnectionTimes, since end: NIODeadline, lastByte: NIODeadline) -> NIODeadline {
        let deadline = min(end + times.longestLinger, lastByte + times.linger)
        return quiescedAt.map { min(deadline, max($0, end) + .seconds(2)) } ?? deadline
    }

    /// Closes the connection or refuses its request, if the deadline has passed.
    ///
    /// - Parameters:
    ///   - isHead: Whether the request that has begun is HEAD.
    ///   - hasUnsent: Whether the client has not yet received all of an answer that has ended here.
    mutating func expire(
        _ times: ConnectionTimes, at now: NIODeadline, isHead: Bool = false, hasUnsent: Bool
    ) -> Action {
        guard let deadline = deadline(times), now >= deadline else { return .none }
        switch input {
        case .head(hasBegun: false), .ended: return hasUnsent ? close() : .abort
        case .head(hasBegun: true):
            return refuse(
                Problem(
                    .requestTimeout, "The head of the request did not come within \(times.headTimeout.inSeconds) s."),
                isHead: isHead)
        case .body:
            return refuse(
                Problem(
                    .requestTimeout, "The body of the request did not come within \(times.bodyTimeout.inSeconds) s."))
        }
    }

    /// Restarts the idle time, because a response was being sent until `now`.
    mutating func sentUntil(_ now: NIODeadline) {
        if input == .head(hasBegun: false) { since = max(since, now) }
    }
}

extension TimeAmount {
    /// Whole seconds, for texts.
    fileprivate var inSeconds: Int64 { nanoseconds / 1_000_000_000 }
}
