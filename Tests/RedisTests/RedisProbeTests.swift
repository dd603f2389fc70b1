// Rollcall · RedisTests

import NIOCore
import Testing

@testable import Redis

@Suite("The subscriber's probe")
struct RedisProbeTests {
    private var probe = RedisProbe(channel: "p", timeout: .seconds(10))

    private func at(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .seconds(seconds) }

    @Test
    mutating func `A published probe that does not arrive is overdue after the time-out`() {
        probe.published(probe.next(), at: at(0))
        probe.published(probe.next(), at: at(5))
        #expect(!probe.isOverdue(at: at(9)))
        #expect(probe.isOverdue(at: at(10)))
        probe.received(ByteBuffer(string: "1"))
        #expect(!probe.isOverdue(at: at(60)))
    }

    @Test
    mutating func `A probe that Redis did not take is never overdue`() {
        _ = probe.next()
        #expect(!probe.isOverdue(at: at(60)))
    }

    @Test
    mutating func `A probe that arrives before its publisher gets a reply is never overdue`() {
        let number = probe.next()
        probe.received(ByteBuffer(string: "\(number)"))
        probe.published(number, at: at(0))
        #expect(!probe.isOverdue(at: at(60)))
    }

    @Test
    mutating func `A new connection owes no earlier probe, also when its publisher gets the reply late`() {
        let number = probe.next()
        probe.restart()
        probe.published(number, at: at(0))
        #expect(!probe.isOverdue(at: at(60)))
    }

    @Test
    mutating func `A payload that is no number does not count as a probe`() {
        probe.published(probe.next(), at: at(0))
        probe.received(ByteBuffer(string: "x"))
        #expect(probe.isOverdue(at: at(10)))
    }
}
