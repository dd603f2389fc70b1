// Rollcall · RedisTests

import NIOCore
import Testing

@testable import Redis

@Suite("The subscriber's probe")
struct RedisProbeTests {
    private var probe = RedisProbe(channel: "p", timeout: .seconds(10))

    private func at(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .seconds(seconds) }

    @Test
    mutating func `A probe that was published and does not come is overdue after the time-out`() {
        probe.published(probe.next(), at: at(0))
        probe.published(probe.next(), at: at(5))
        #expect(!probe.isOverdue(at: at(9)))
        #expect(probe.isOverdue(at: at(10)))
        probe.received(ByteBuffer(string: "1"))
        #expect(!probe.isOverdue(at: at(60)))
    }

    @Test
    mutating func `One that Redis never took proves nothing`() {
        _ = probe.next()
        #expect(!probe.isOverdue(at: at(60)))
    }

    @Test
    mutating func `The message may be faster than the reply to its publisher`() {
        let number = probe.next()
        probe.received(ByteBuffer(string: "\(number)"))
        probe.published(number, at: at(0))
        #expect(!probe.isOverdue(at: at(60)))
    }

    @Test
    mutating func `A new connection owes nothing, not even a probe whose publisher is answered late`() {
        let number = probe.next()
        probe.restart()
        probe.published(number, at: at(0))
        #expect(!probe.isOverdue(at: at(60)))
    }

    @Test
    mutating func `Strange payloads are no probes`() {
        probe.published(probe.next(), at: at(0))
        probe.received(ByteBuffer(string: "x"))
        #expect(probe.isOverdue(at: at(10)))
    }
}
