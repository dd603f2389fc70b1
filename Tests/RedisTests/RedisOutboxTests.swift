// Rollcall · RedisTests

import NIOCore
import Testing

@testable import Redis

@Suite("The outbox")
struct RedisOutboxTests {
    private func request(_ caller: Int, size: Int) -> RedisRequest<Int> {
        RedisRequest(caller: caller, commands: [RedisCommand("X")], isBatch: false, size: size)
    }

    @Test func `Bytes and requests come out in the order of the puts, and only the first put schedules a send`()
        throws
    {
        let outbox = RedisOutbox<Int>(maximumPending: 10, maximumPendingBytes: 100)
        #expect(try outbox.put(request(1, size: 1), ByteBuffer(string: "a")))
        #expect(try !outbox.put(request(2, size: 1), ByteBuffer(string: "b")))
        let taken = outbox.take()
        #expect(String(buffer: taken.bytes) == "ab")
        #expect(taken.requests.map(\.caller) == [1, 2])
        #expect(try outbox.put(request(3, size: 1), ByteBuffer(string: "c")))
    }

    @Test func `A full outbox refuses commands at once, until replies make room`() throws {
        let outbox = RedisOutbox<Int>(maximumPending: 2, maximumPendingBytes: 100)
        _ = try outbox.put(request(1, size: 90), ByteBuffer())
        let tooLarge = #expect(throws: RedisError.self) { try outbox.put(request(2, size: 11), ByteBuffer()) }
        #expect(tooLarge?.code == .unavailable)
        _ = try outbox.put(request(2, size: 10), ByteBuffer())
        _ = outbox.take()
        #expect(throws: RedisError.self) { try outbox.put(request(3, size: 0), ByteBuffer()) }
        outbox.release(commands: 1, bytes: 90)
        _ = try outbox.put(request(3, size: 90), ByteBuffer())
    }

    @Test func `An empty outbox takes a request above its bound, which could never be sent otherwise`() throws {
        let outbox = RedisOutbox<Int>(maximumPending: 2, maximumPendingBytes: 100)
        _ = try outbox.put(request(1, size: 1_000), ByteBuffer())
    }

    @Test func `A closed outbox refuses requests, with the first reason`() {
        let outbox = RedisOutbox<Int>(maximumPending: 2, maximumPendingBytes: 100)
        outbox.close(RedisError(.timeout, "first"))
        outbox.close(RedisError(.disconnected, "second"))
        let error = #expect(throws: RedisError.self) { try outbox.put(request(1, size: 1), ByteBuffer()) }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("first") == true)
        #expect(outbox.endReason?.code == .timeout)
    }
}
