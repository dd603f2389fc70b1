// Rollcall · RedisTests

import NIOCore
import Testing

@testable import Redis

@Suite("The state of a Redis connection")
struct RedisConnectionStateTests {
    private typealias State = RedisConnectionState<Int>

    private func ready() throws -> State {
        let handshake = RedisHandshake(url: try RedisURL("redis://h"), options: RedisOptions(), purpose: .messages)
        var state = State(handshake: handshake)
        _ = state.opened()
        guard case .offer = state.received(.status("OK")) else { throw RedisError(.other, "no offer") }
        return state
    }

    private func call(_ digest: String) -> RedisCommand {
        RedisCommand(digest: digest, source: Array("text of \(digest)".utf8), keys: [], arguments: [])
    }

    private func request(_ caller: Int, _ commands: [RedisCommand] = [RedisCommand("X")]) -> RedisRequest<Int> {
        RedisRequest(caller: caller, commands: commands, isBatch: commands.count > 1, size: 1)
    }

    private func due(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .seconds(seconds) }

    private let noScript = RedisValue.error(RedisError(reply: "NOSCRIPT no"))

    @Test func `Replies go to the callers in the order of the commands`() throws {
        var state = try ready()
        for caller in 1...3 { state.sent(request(caller), deadline: due(Int64(caller))) }
        #expect(state.nextDeadline == due(1))
        for caller in 1...3 {
            guard case .finish(let request, .success(.integer(let number))) = state.received(.integer(Int64(caller)))
            else {
                Issue.record("no reply")
                return
            }
            #expect(request.caller == caller && Int(number) == caller)
        }
        #expect(state.nextDeadline == nil)
    }

    @Test func `A batch is answered after its last reply, with errors among the values`() throws {
        var state = try ready()
        state.sent(request(1, [RedisCommand("A"), RedisCommand("B")]), deadline: due(1))
        guard case .wait = state.received(.error(RedisError(reply: "ERR a"))),
            case .finish(_, .success(let values)) = state.received(.integer(2))
        else {
            Issue.record("no batch")
            return
        }
        #expect(values == .array([.error(RedisError(reply: "ERR a")), .integer(2)]))
    }

    @Test func `Calls of unknown scripts are repeated with their text, in order, after the other commands`() throws {
        var state = try ready()
        state.sent(request(1, [call("a")]), deadline: due(1))
        state.sent(request(2), deadline: due(2))
        state.sent(request(3, [call("b"), RedisCommand("X"), call("c")]), deadline: due(3))
        var written: [RedisCommand] = []
        var finished: [Int] = []
        var values: [RedisValue] = []
        let replies: [RedisValue] = [
            noScript, .integer(2), noScript, .integer(32), noScript, .integer(1), .integer(31), .integer(33),
        ]
        for reply in replies {
            switch state.received(reply) {
            case .write(let commands): written += commands
            case .finish(let request, .success(let value)):
                finished.append(request.caller)
                values.append(value)
            default: break
            }
        }
        #expect(written.map(\.name) == ["EVAL", "EVAL", "EVAL"])
        #expect(
            written.map { $0.arguments[0] }
                == ["a", "b", "c"].map { .bytes(Array("text of \($0)".utf8)) })
        #expect(finished == [2, 1, 3])
        #expect(values == [.integer(2), .integer(1), .array([.integer(31), .integer(32), .integer(33)])])
    }

    @Test func `A call is repeated once; a second refusal goes to its caller`() throws {
        var state = try ready()
        state.sent(request(1, [call("a")]), deadline: due(1))
        guard case .write = state.received(noScript),
            case .finish(_, .failure(let error)) = state.received(noScript)
        else {
            Issue.record("not repeated once")
            return
        }
        #expect(error.code == .noScript)
    }

    @Test func `Deadlines never decrease, also when a call is repeated`() throws {
        var state = try ready()
        state.sent(request(1, [call("a")]), deadline: due(1))
        state.sent(request(2), deadline: due(5))
        _ = state.received(noScript)
        _ = state.received(.integer(2))
        #expect(state.nextDeadline == due(5))
    }

    @Test(arguments: ["READONLY no", "MASTERDOWN no"])
    func `A READONLY or MASTERDOWN error goes to its caller, then the connection closes`(reply: String) throws {
        var state = try ready()
        state.sent(request(1), deadline: due(1))
        state.sent(request(2), deadline: due(1))
        guard
            case .finishAndClose(let request, .failure(let error), _) = state.received(.error(RedisError(reply: reply)))
        else {
            Issue.record("it stays")
            return
        }
        #expect(request.caller == 1)
        #expect(error.closesConnection)
        #expect(state.closed().map(\.caller) == [2])
        #expect(!state.isOpen)
    }

    @Test func `A reply without a pending request ends the connection`() throws {
        var state = try ready()
        guard case .close(let error) = state.received(.integer(1)) else {
            Issue.record("it was taken")
            return
        }
        #expect(error.code == .protocolViolation)
    }

    @Test func `A drain waits for the replies to sent commands, then closes the connection`() throws {
        var state = try ready()
        state.sent(request(1), deadline: due(1))
        guard case .wait = state.drain() else {
            Issue.record("it closed early")
            return
        }
        #expect(!state.isDrained)
        _ = state.received(.integer(1))
        #expect(state.isDrained)
        guard case .close = state.drain() else {
            Issue.record("it stays")
            return
        }
    }
}
