// Rollcall · PresenceServer

import NIOCore
import PhoenixSocket
import PresenceText

/// The messages of a socket as answers to polls.
///
/// It performs what ``LongPollSession`` decides, on the loop of the socket.
final class LongPollOutput: SocketOutput {
    /// The answer to a poll, and the number by which its end is reported.
    struct Answered: Sendable {
        let id: LongPollSession.PollID
        let answer: LongPollAnswer
    }

    private let socket: ClientSocket
    private let budget: QueueBudget
    private var session: LongPollSession
    private var waiters: [LongPollSession.PollID: CheckedContinuation<Answered?, Never>] = [:]
    /// Count the frames that wait, and those on their way, in the node's budget.
    private var waiting: [CountedFrame] = []
    private var sending: [CountedFrame] = []
    private var timer: Scheduled<Void>?
    private var timerAt = NIODeadline.distantFuture

    init(_ session: LongPollSession, of socket: ClientSocket, budget: QueueBudget) {
        self.socket = socket
        self.budget = budget
        self.session = session
        arm()
    }

    // MARK: Polls

    func poll(_ waiter: CheckedContinuation<Answered?, Never>) {
        finishSending()
        let (id, actions) = session.poll(at: .now())
        waiters[id] = waiter
        perform(actions)
    }

    func answerEnded(_ id: LongPollSession.PollID, wasSent: Bool) {
        guard session.answerEnded(id, wasSent: wasSent, at: .now()) else { return }
        if wasSent { finishSending() } else { (waiting, sending) = (waiting + sending, []) }
        arm()
    }

    private func finishSending() {
        for frame in sending { frame.finish() }
        sending = []
    }

    /// Answers the poll that waits, with all messages of this turn of the loop.
    func flush() { perform(session.flush(at: .now())) }

    func passTime() {
        timer = nil
        timerAt = .distantFuture
        perform(session.timePassed(at: .now()))
    }

    private func perform(_ actions: [LongPollSession.Action]) {
        for action in actions {
            switch action {
            case .answer(let id, let answer):
                if !answer.messages.isEmpty { (sending, waiting) = (waiting, []) }
                waiters.removeValue(forKey: id)?.resume(returning: Answered(id: id, answer: answer))
            case .flushSoon: socket.loop.execute { [socket] in socket.assumeIsolated { $0.flushPoll() } }
            // ``pass(_:behind:as:)`` returns it.
            case .queueLost: waiting = []
            case .requestStates: socket.assumeIsolated { $0.requestStates() }
            case .end: socket.assumeIsolated { $0.handle(.ended(.connectionLost)) }
            }
        }
        arm()
    }

    /// Sets the timer, unless it fires early enough; when it fires, it is set again.
    private func arm() {
        guard let deadline = session.deadline, deadline < timerAt else { return }
        timer?.cancel()
        timerAt = deadline
        timer = socket.loop.scheduleTask(deadline: deadline) { [socket] in
            socket.assumeIsolated { $0.passPollTime() }
        }
    }

    // MARK: Messages

    func send(_ text: [UInt8]) {
        let bytes = ByteBuffer(bytes: text)
        count(bytes)
        _ = add(bytes, as: .notice)
    }

    func pass(_ frame: ByteBuffer, behind joinRef: MessageRef?, as kind: StreamQueue.Kind) -> Bool {
        let kind: LongPollSession.Kind =
            switch kind {
            case .diff: .diff
            case .state: .state
            case .notice: .notice
            }
        guard let joinRef else {
            count(frame)
            return WebSocketText.texts(in: frame).allSatisfy { add($0, as: kind) }
        }
        let text = WebSocketText.text(joinRef: joinRef.json, before: frame)
        count(text)
        return add(text, as: kind)
    }

    /// Counts bytes that wait in the node's budget.
    private func count(_ bytes: ByteBuffer) { waiting.append(budget.hold(bytes, for: .stream(.socket(socket)))) }

    /// Returns false if the queue was lost.
    private func add(_ text: ByteBuffer, as kind: LongPollSession.Kind) -> Bool {
        let actions = session.add(text, as: kind)
        perform(actions)
        return !actions.contains(.queueLost)
    }

    // A poll shows that its client is there.
    func ping() {}

    func pong(_ payload: ByteBuffer) {}

    // It has no connection of its own.
    func writable() -> Bool { false }

    func unwritable() {}

    func isStuck() -> Bool { false }

    func finish(_ end: SocketEnd, echoing code: UInt16?) {
        perform(session.end(end.code))
        timer?.cancel()
        timerAt = .distantFuture
        (waiting, sending) = ([], [])
        for waiter in waiters.values { waiter.resume(returning: nil) }
        waiters = [:]
    }

    func close() {}
}
