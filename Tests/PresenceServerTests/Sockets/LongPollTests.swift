// Rollcall · PresenceServerTests

import Access
import Logging
import NIOCore
import NIOPosix
import PhoenixSocket
import PresenceModel
import RandomInput
import TestSupport
import Testing

@testable import PresenceServer

@Suite("Long polls of a node")
struct LongPollTests {
    private static let heartbeat = Array(#"[null,"1","phoenix","heartbeat",{}]"#.utf8)
    private static let answer = #"[null,"1","phoenix","phx_reply",{"status":"ok","response":{}}]"#

    private func makeSocket() throws -> ClientSocket {
        let parameters = SocketParameters(query: "vsn=2.0.0")
        let options = try #require(SocketOptions(parameters))
        return ClientSocket(
            options, parameters, caller: .open, subjects: [], services: try .ofTest(),
            loop: MultiThreadedEventLoopGroup.singleton.next(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func texts(_ answered: LongPollOutput.Answered?) -> [String]? {
        answered?.answer.messages.map { String(buffer: $0) }
    }

    @Test func `a batch is answered by the next poll, and again if that answer was not taken`() async throws {
        let socket = try makeSocket()
        await socket.beginPolling("token") {}
        #expect(await socket.take(Self.heartbeat, hasLines: true))
        let first = try #require(await socket.poll())
        #expect(texts(first) == [Self.answer] && first.answer.token == "token")
        await socket.answerEnded(first.id, wasSent: false)
        let second = try #require(await socket.poll())
        #expect(texts(second) == [Self.answer])
        await socket.answerEnded(second.id, wasSent: true)

        async let waiting = socket.poll()
        try await eventually("a poll that waits") { await socket.take(Self.heartbeat, hasLines: false) }
        let answered = await waiting
        #expect(texts(answered)?.contains(Self.answer) == true)
        await socket.handle(.ended(.draining))
        #expect(await socket.poll() == nil)
        #expect(await !socket.take(Self.heartbeat, hasLines: true))
    }

    @Test func `a batch that cannot be read ends the session`() async throws {
        let socket = try makeSocket()
        let ends = Recorder<String>()
        await socket.beginPolling("token") { ends.record("end") }
        #expect(await !socket.take(Array("no message".utf8), hasLines: false))
        #expect(ends.all == ["end"])
        #expect(await socket.poll() == nil)
    }

    @Test func `a table of sessions has a bound, and finds a session for its caller only`() async throws {
        let table = LongPollTable()
        let socket = try makeSocket()
        #expect(table.add(socket, as: "one", of: "user:alice"))
        #expect(table.find("one", of: "user:alice") === socket)
        #expect(table.find("one", of: "apikey:alice") == nil && table.find("two", of: "user:alice") == nil)
        let added = (1..<LongPollTable.maximumSessions).count { table.add(socket, as: "\($0)", of: "open") }
        #expect(added == LongPollTable.maximumSessions - 1)
        #expect(!table.add(socket, as: "last", of: "open"))
        table.remove("one")
        #expect(table.add(socket, as: "last", of: "open"))
    }

    @Test func `a message between nodes is read as it was written, and with any damage it is refused or another one`() {
        let message = PollMessage(
            .batch, id: .max, from: "node:ä", session: "s:user:alice", number: 1, body: Self.heartbeat)
        let bytes = message.bytes
        #expect(PollMessage(ByteBuffer(bytes: bytes)) == message)
        for count in 0..<bytes.count { #expect(PollMessage(ByteBuffer(bytes: bytes[..<count])) == nil) }
        #expect(PollMessage(ByteBuffer(bytes: bytes + [0])) == nil)
        #expect(PollMessage(ByteBuffer(bytes: [2] + Array(bytes.dropFirst()))) == nil)
        var random = SplitMix(seed: SplitMix.freshSeed())
        for _ in 0..<2_000 {
            let damaged = random.damaged(bytes, alphabet: [0, 1, 4, 0xFF])
            if let read = PollMessage(ByteBuffer(bytes: damaged)) { #expect(read.bytes == damaged) }
        }
    }

    @Test func `the name of a session keeps its owner`() throws {
        let token = LongPollToken(node: "node:1", session: "abc", owner: "o-1_", expiresAt: nil)
        let read = try #require(LongPollName(LongPollName(token).text))
        #expect(read.session == "abc" && read.owner == "o-1_")
        #expect(LongPollName("abc") == nil)
    }
}
