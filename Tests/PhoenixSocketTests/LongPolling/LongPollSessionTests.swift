// Rollcall · PhoenixSocketTests

import NIOCore
import RandomInput
import Testing

@testable import PhoenixSocket

@Suite("The session of a long poll")
struct LongPollSessionTests {
    private typealias Action = LongPollSession.Action

    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private func session(_ slowReaderBytes: Int = 1_000) -> LongPollSession {
        LongPollSession(token: "t", slowReaderBytes: slowReaderBytes, at: Self.start)
    }

    private func message(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

    private func ok(_ texts: String...) -> LongPollAnswer {
        LongPollAnswer(.ok, token: "t", messages: texts.map { message($0) })
    }

    private let none = LongPollAnswer(.noContent, token: "t")

    /// Polls, and expects that the poll waits.
    private func wait(_ session: inout LongPollSession, at now: NIODeadline = LongPollSessionTests.start)
        -> LongPollSession.PollID
    {
        let (id, actions) = session.poll(at: now)
        #expect(actions.isEmpty)
        return id
    }

    @Test func `a poll waits for 10 s and is answered with none`() {
        var session = session()
        let id = wait(&session)
        #expect(session.deadline == Self.start + .seconds(10))
        #expect(session.timePassed(at: Self.start + .milliseconds(9_999)).isEmpty)
        #expect(session.timePassed(at: Self.start + .seconds(10)) == [.answer(id, none)])
    }

    @Test func `messages that came before a poll answer it at once, in their order`() {
        var session = session()
        for text in ["a", "b"] { #expect(session.add(message(text), as: .notice).isEmpty) }
        let (id, actions) = session.poll(at: Self.start)
        #expect(actions == [.answer(id, ok("a", "b"))])
    }

    @Test func `messages of one turn of the loop answer a poll that waits together`() {
        var session = session()
        let id = wait(&session)
        #expect(session.add(message("a"), as: .notice) == [.flushSoon])
        #expect(session.add(message("b"), as: .state).isEmpty)
        #expect(session.flush(at: Self.start) == [.answer(id, ok("a", "b"))])
        #expect(session.add(message("c"), as: .notice).isEmpty, "the answer is on its way")
        #expect(session.flush(at: Self.start).isEmpty)
        session.answerEnded(id, wasSent: true, at: Self.start)
        let (next, actions) = session.poll(at: Self.start)
        #expect(actions == [.answer(next, ok("c"))])
    }

    @Test func `messages of an answer that could not be sent come again, before later ones`() {
        var session = session()
        _ = session.add(message("a"), as: .notice)
        let (first, _) = session.poll(at: Self.start)
        _ = session.add(message("b"), as: .notice)
        session.answerEnded(first, wasSent: false, at: Self.start)
        let (second, actions) = session.poll(at: Self.start)
        #expect(actions == [.answer(second, ok("a", "b"))])
        session.answerEnded(first, wasSent: false, at: Self.start)
        let (third, none) = session.poll(at: Self.start)
        #expect(none.isEmpty && third != second, "the next poll shows that the answer arrived")
    }

    @Test func `a later poll takes the place of one that waits`() {
        var session = session()
        let first = wait(&session)
        let (second, actions) = session.poll(at: Self.start)
        #expect(actions == [.answer(first, none)])
        _ = session.add(message("a"), as: .notice)
        #expect(session.flush(at: Self.start) == [.answer(second, ok("a"))])
    }

    @Test func `a session ends 15 s after its last poll`() {
        var session = session()
        #expect(session.deadline == Self.start + .seconds(15))
        let id = wait(&session, at: Self.start + .seconds(14))
        #expect(session.timePassed(at: Self.start + .seconds(24)) == [.answer(id, none)])
        #expect(session.timePassed(at: Self.start + .milliseconds(38_999)).isEmpty)
        #expect(session.timePassed(at: Self.start + .seconds(39)) == [.end])
        let (late, actions) = session.poll(at: Self.start + .seconds(40))
        #expect(actions == [.answer(late, LongPollAnswer(.gone))])
        #expect(session.add(message("a"), as: .state).isEmpty && session.deadline == nil)
    }

    @Test(
        arguments: [
            (.serviceRestart, .gone), (.goingAway, .gone), (.tryAgainLater, .gone), (nil, .gone),
            (.policyViolation, .forbidden),
        ] as [(CloseCode?, LongPollAnswer.Status)])
    func `the end of the socket answers the poll that waits, and each later one`(
        code: CloseCode?, status: LongPollAnswer.Status
    ) {
        var session = session()
        let id = wait(&session)
        #expect(session.end(code) == [.answer(id, LongPollAnswer(status))])
        #expect(session.end(.goingAway).isEmpty)
        let (late, actions) = session.poll(at: Self.start)
        #expect(actions == [.answer(late, LongPollAnswer(status))])
    }

    @Test func `a client that polls too slowly loses states and diffs, and gets states with its next poll`() {
        var session = session(100)
        _ = session.add(message("notice"), as: .notice)
        _ = session.add(message(String(repeating: "s", count: 90)), as: .state)
        #expect(session.add(message("diff+"), as: .diff) == [.queueLost])
        let (id, actions) = session.poll(at: Self.start)
        #expect(actions == [.requestStates, .answer(id, ok("notice"))])
        session.answerEnded(id, wasSent: true, at: Self.start)
        let large = String(repeating: "s", count: 500)
        #expect(session.add(message(large), as: .state).isEmpty, "a state has no smaller replacement")
        let (next, states) = session.poll(at: Self.start)
        #expect(states == [.answer(next, ok(large))])
    }

    @Test func `bytes of an answer that is on its way count`() {
        var session = session(100)
        _ = session.add(message(String(repeating: "a", count: 60)), as: .diff)
        let (id, _) = session.poll(at: Self.start)
        #expect(session.add(message(String(repeating: "b", count: 60)), as: .diff) == [.queueLost])
        session.answerEnded(id, wasSent: true, at: Self.start)
        #expect(session.add(message(String(repeating: "b", count: 60)), as: .diff).isEmpty)
    }

    @Test func `in random histories a client gets each notice once, in order, and each poll one answer`() {
        let seed = SplitMix.freshSeed()
        for number in 0..<2_000 {
            var history = PollHistory(seed: seed &+ UInt64(number))
            if let fault = history.run() {
                Issue.record("ROLLCALL_TEST_SEED=\(seed &+ UInt64(number)): \(fault)")
                return
            }
        }
    }
}

/// One session with a client that polls, loses answers and stops at random.
private struct PollHistory {
    private var random: SplitMix
    private var session: LongPollSession
    private var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private var sent = 0
    private var received: [String] = []
    private var open: Set<LongPollSession.PollID> = []
    /// The last answer, which the client may not have got.
    private var onWay: (id: LongPollSession.PollID, texts: [String])?
    private var isEnded = false
    private var fault: String?

    init(seed: UInt64) {
        random = SplitMix(seed: seed)
        session = LongPollSession(token: "t", slowReaderBytes: 200, at: now)
    }

    mutating func run() -> String? {
        for _ in 0..<60 {
            step()
            if let fault { return fault }
        }
        if !isEnded {
            finishAnswer(true)
            poll()
            finishAnswer(true)
            if received != (0..<sent).map({ "\($0)" }) { return "\(received) of \(sent) notices" }
        }
        return fault
    }

    private mutating func step() {
        switch random.below(10) {
        case 0...2: if onWay == nil { poll() }
        case 3...4:
            if !isEnded { sent += 1 }
            perform(session.add(ByteBuffer(string: "\(sent - 1)"), as: .notice))
        case 5: perform(session.add(ByteBuffer(string: "diff"), as: .diff))
        case 6: finishAnswer(random.chance(70))
        default:
            now = now + .seconds(Int64(random.below(random.chance(90) ? 4 : 16)))
            perform(session.timePassed(at: now))
        }
    }

    private mutating func poll() {
        let (id, actions) = session.poll(at: now)
        open.insert(id)
        perform(actions)
    }

    private mutating func finishAnswer(_ wasSent: Bool) {
        guard let (id, texts) = onWay else { return }
        onWay = nil
        if wasSent { received += texts.filter { Int($0) != nil } }
        session.answerEnded(id, wasSent: wasSent, at: now)
    }

    private mutating func perform(_ actions: [LongPollSession.Action]) {
        for action in actions {
            switch action {
            case .answer(let id, let answer):
                if open.remove(id) == nil { fault = "an answer to a poll that is not open" }
                if answer.status == .ok { onWay = (id, answer.messages.map { String(buffer: $0) }) }
            case .flushSoon: perform(session.flush(at: now))
            case .end: isEnded = true
            case .queueLost, .requestStates: break
            }
        }
    }
}
