// Rollcall · PresenceServerTests

import NIOCore
import NIOHTTP1
import Testing

@testable import PresenceServer

@Suite("The state of a connection")
struct ConnectionStateTests {
    private static let start = NIODeadline.uptimeNanoseconds(0)
    private static let times = ConnectionTimes()
    private static let problem = Problem(.malformedRequest, "wrong")

    private static func at(_ seconds: Int64) -> NIODeadline { start + .seconds(seconds) }

    private static func framing(_ fields: [(String, String)] = [], minor: Int = 1) throws -> RequestFraming {
        try RequestFraming(
            HTTPRequestHead(
                version: .init(major: 1, minor: minor), method: .POST, uri: "/",
                headers: HTTPHeaders([("Host", "h")] + fields)))
    }

    /// A connection with one request; its body is complete unless a length is given.
    private static func asked(length: Int? = nil, _ fields: [(String, String)] = []) throws -> ConnectionState {
        var state = ConnectionState(at: start)
        let body = length.map { [("Content-Length", "\($0)")] } ?? []
        state.begin(try framing(fields + body), bodyBytes: length ?? 0, at: start)
        if length == nil { _ = state.end(at: start) }
        return state
    }

    private func name(_ action: ConnectionState.Action) -> String {
        switch action {
        case .none: "none"
        case .refuse: "refuse"
        case .close: "close"
        case .abort: "abort"
        }
    }

    @Test func `a silent connection is closed without an answer after the idle time`() {
        var state = ConnectionState(at: Self.start)
        #expect(state.deadline(Self.times) == Self.at(75))
        #expect(name(state.expire(Self.times, at: Self.at(74), hasUnsent: false)) == "none")
        #expect(name(state.expire(Self.times, at: Self.at(75), hasUnsent: false)) == "abort")
    }

    @Test func `the time of a head begins with its first byte, and its end is a 408`() {
        var state = ConnectionState(at: Self.start)
        state.headBegan(at: Self.at(10))
        state.headBegan(at: Self.at(20))
        #expect(state.deadline(Self.times) == Self.at(40))
        guard case .refuse(let refusal) = state.expire(Self.times, at: Self.at(40), hasUnsent: false) else {
            Issue.record("no refusal")
            return
        }
        #expect(refusal.problem.kind == .requestTimeout && state.isClosing)
    }

    @Test func `a body has one time for the whole, also while parts of it arrive`() throws {
        var state = try Self.asked(length: 100)
        #expect(name(state.bodyArrived(50)) == "none")
        #expect(state.deadline(Self.times) == Self.at(30))
        #expect(name(state.expire(Self.times, at: Self.at(30), hasUnsent: false)) == "refuse")
        #expect(state.bodyBytes == 0)
    }

    @Test func `a connection that waits for its answer has no deadline, and is idle from the answer on`() throws {
        var state = try Self.asked()
        #expect(state.deadline(Self.times) == nil)
        #expect(state.answerBegins(asksToClose: false)?.closes == false)
        #expect(name(state.answerEnded(at: Self.at(100))) == "none")
        #expect(state.deadline(Self.times) == Self.at(175))
        state.sentUntil(Self.at(120))
        #expect(state.deadline(Self.times) == Self.at(195))
    }

    @Test func `no request is read behind one that closes, and the connection closes after its answer`() throws {
        #expect(try Self.asked().readsRequests)
        var state = try Self.asked([("Connection", "close")])
        #expect(!state.takesRequests && !state.readsRequests)
        #expect(state.answerBegins(asksToClose: false)?.closes == true)
        #expect(name(state.answerEnded(at: Self.start)) == "close")
        #expect(state.answerBegins(asksToClose: false) == nil)
    }

    @Test func `a refusal waits for the answers before it, and replaces the answer to its own request`() throws {
        var state = try Self.asked()
        state.begin(try Self.framing([("Content-Length", "9")]), bodyBytes: 9, at: Self.start)
        #expect(state.bodyBytes == 9)
        #expect(name(state.refuse(Self.problem)) == "none")
        #expect(state.bodyBytes == 0 && !state.takesRequests && !state.takesBody)
        #expect(state.answerBegins(asksToClose: false) != nil)
        #expect(name(state.answerEnded(at: Self.start)) == "refuse")
        // The server's own answer to the refused request is dropped.
        #expect(state.answerBegins(asksToClose: false) == nil)
    }

    @Test func `a connection writes one refusal at most`() {
        var state = ConnectionState(at: Self.start)
        #expect(name(state.refuse(Self.problem)) == "refuse")
        #expect(name(state.refuse(Self.problem)) == "none")
    }

    @Test func `a request that is answered already is not refused`() throws {
        var state = try Self.asked(length: 10)
        _ = state.answerBegins(asksToClose: false)
        #expect(name(state.answerEnded(at: Self.start)) == "none")
        #expect(name(state.refuse(Self.problem)) == "close")
    }

    @Test func `a short body behind an answer is dropped, and a long one closes the connection`() throws {
        var short = try Self.asked(length: 1000)
        #expect(short.answerBegins(asksToClose: false)?.closes == false)
        _ = short.answerEnded(at: Self.start)
        #expect(name(short.bodyArrived(1000)) == "none")
        let isEnd = short.end(at: Self.start)
        #expect(isEnd && short.takesRequests)

        var long = try Self.asked(length: 1 << 20)
        #expect(long.answerBegins(asksToClose: false)?.closes == true)

        var chunked = ConnectionState(at: Self.start)
        chunked.begin(try Self.framing([("Transfer-Encoding", "chunked")]), at: Self.start)
        _ = chunked.answerBegins(asksToClose: false)
        _ = chunked.answerEnded(at: Self.start)
        #expect(name(chunked.bodyArrived(ConnectionState.drainAllowance)) == "none")
        #expect(name(chunked.bodyArrived(1)) == "close")
        #expect(chunked.isClosing && name(chunked.bodyArrived(1)) == "none")
        let isEndOfDropped = chunked.end(at: Self.start)
        #expect(!isEndOfDropped && !chunked.takesRequests)
    }

    @Test func `100 Continue is due once, in the request's turn, and not after the body has begun`() throws {
        let expecting = try Self.framing([("Expect", "100-continue"), ("Content-Length", "3")])
        var first = ConnectionState(at: Self.start)
        first.begin(expecting, at: Self.start)
        let (isDue, isDueAgain) = (first.takeContinue(), first.takeContinue())
        #expect(isDue && !isDueAgain)

        var second = try Self.asked()
        second.begin(expecting, at: Self.start)
        let isDueEarly = second.takeContinue()
        _ = second.answerBegins(asksToClose: false)
        _ = second.answerEnded(at: Self.start)
        let isDueInTurn = second.takeContinue()
        #expect(!isDueEarly && isDueInTurn)

        var hasty = ConnectionState(at: Self.start)
        hasty.begin(expecting, at: Self.start)
        _ = hasty.bodyArrived(1)
        let isDueLate = hasty.takeContinue()
        #expect(!isDueLate)
    }

    @Test func `a client that has ended its output gets its answers, and the last one closes`() throws {
        var state = try Self.asked()
        state.begin(try Self.framing(), at: Self.start)
        _ = state.end(at: Self.start)
        #expect(name(state.inputClosed()) == "none")
        #expect(state.answerBegins(asksToClose: false)?.closes == false)
        #expect(name(state.answerEnded(at: Self.start)) == "none")
        #expect(state.answerBegins(asksToClose: false)?.closes == true)
        #expect(name(state.answerEnded(at: Self.start)) == "close")
        var idle = ConnectionState(at: Self.start)
        #expect(name(idle.inputClosed()) == "close")
    }

    @Test func `a connection lingers while its client sends, for a bounded time, and for less when the node stops`() {
        var state = ConnectionState(at: Self.start)
        let times = ConnectionTimes()
        let deadline = { (state: ConnectionState, lastByte: TimeAmount) in
            state.lingerDeadline(times, since: Self.start, lastByte: Self.start + lastByte) - Self.start
        }
        #expect(deadline(state, .zero) == times.linger)
        #expect(deadline(state, .seconds(5)) == .seconds(5) + times.linger)
        #expect(deadline(state, .seconds(29)) == times.longestLinger)
        _ = state.close()
        _ = state.quiesce(at: Self.start + .seconds(1), hasUnsent: false)
        #expect(deadline(state, .seconds(5)) == .seconds(3))
        // Its last answer came long after the node began to stop.
        var late = ConnectionState(at: Self.start)
        _ = late.quiesce(at: Self.start - .seconds(9), hasUnsent: true)
        #expect(deadline(late, .seconds(1)) == .seconds(2))
    }

    @Test func `a node that stops closes an idle connection at once, and any other one after its answer`() throws {
        var idle = ConnectionState(at: Self.start)
        #expect(name(idle.quiesce(at: Self.start, hasUnsent: false)) == "abort")
        var busy = try Self.asked()
        #expect(name(busy.quiesce(at: Self.start, hasUnsent: false)) == "none")
        #expect(busy.answerBegins(asksToClose: false)?.closes == true)
        var slow = ConnectionState(at: Self.start)
        slow.headBegan(at: Self.start)
        #expect(name(slow.quiesce(at: Self.at(1), hasUnsent: false)) == "none")
        #expect(slow.deadline(Self.times) == Self.at(3))
    }

    @Test func `a node that stops lets a client read the answer that has ended`() {
        var reading = ConnectionState(at: Self.start)
        #expect(name(reading.quiesce(at: Self.start, hasUnsent: true)) == "close")
        #expect(reading.isClosing && reading.deadline(Self.times) == nil)
        #expect(name(reading.expire(Self.times, at: Self.at(2), hasUnsent: true)) == "none")
        var late = ConnectionState(at: Self.start)
        #expect(name(late.expire(Self.times, at: Self.at(75), hasUnsent: true)) == "close")
    }
}
