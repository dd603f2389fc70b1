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
        sending = []
        let (id, actions) = session.poll(at: .now())
        waiters[id] = waiter
        perform(actions)
    }

    func answerEnded(_ id: LongPollSession.PollID, wasSent: Bool) {
        session.answerEnded(id, wasSent: wasSent, at: .now())
        if !wasSent { waiting += sending }
        sending = []
        arm()
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

    func send(_ text: [UInt8]) { _ = add(ByteBuffer(bytes: text), as: .notice) }

    func pass(_ frame: ByteBuffer, behind joinRef: MessageRef?, as kind: StreamQueue.Kind) -> Bool {
        waiting.append(budget.hold(frame, for: .stream(.socket(socket))))
        let kind: LongPollSession.Kind =
            switch kind {
            case .diff: .diff
            case .state: .state
            case .notice: .notice
            }
        let texts =
            joinRef.map { [WebSocketText.text(joinRef: $0.json, before: frame)] } ?? WebSocketText.texts(in: frame)
        return texts.allSatisfy { add($0, as: kind) }
    }

    /// Returns false if the queue was lost.
    private func add(_ text: ByteBuffer, as kind: LongPollSession.Kind) -> Bool {
        let actions = session.add(text, as: kind)
        perform(actions)
        return !actions.contains(.queueLost)
    }

    // A poll shows that its client is there.
    func ping() {}

    func pong(_ payload: ByteBuffer) {}

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
