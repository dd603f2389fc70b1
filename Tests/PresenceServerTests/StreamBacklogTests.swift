// Rollcall · PresenceServerTests

import NIOCore
import PresenceServer
import Testing

@Suite("The backlog of a slow reader")
struct StreamBacklogTests {
    let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    let small = ByteBuffer(string: "0123456789")

    private func filled(_ count: Int, at now: NIODeadline) -> StreamBacklog {
        var backlog = StreamBacklog(maximumBytes: 100, maximumAge: .seconds(10))
        for _ in 0..<count { _ = backlog.offer(small, isWritable: false, at: now) }
        return backlog
    }

    @Test("A reader that keeps up is written to at once")
    func keepingUp() {
        var backlog = StreamBacklog()
        #expect(backlog.offer(small, isWritable: true, at: start) == .write)
        #expect(backlog.isEmpty)
    }

    @Test("Frames wait in line, and nothing overtakes them")
    func inLine() {
        var backlog = filled(1, at: start)
        let second = ByteBuffer(string: "second")
        #expect(backlog.offer(second, isWritable: true, at: start) == .queued)
        #expect(backlog.next(at: start) == small)
        #expect(backlog.next(at: start) == second)
        let none = backlog.next(at: start)
        #expect(none == nil)
    }

    @Test("One byte over the bound, and the whole queue is gone")
    func tooMuch() {
        var backlog = filled(10, at: start)
        #expect(backlog.offer(ByteBuffer(string: "x"), isWritable: false, at: start) == .lost)
        #expect(backlog.isEmpty)
    }

    @Test("A frame that waited too long takes the queue with it; one that moved on in time does not")
    func tooLong() {
        var backlog = filled(2, at: start)
        var moving = filled(2, at: start)
        #expect(backlog.offer(small, isWritable: false, at: start + .seconds(11)) == .lost)
        _ = moving.next(at: start + .seconds(9))
        #expect(moving.offer(small, isWritable: false, at: start + .seconds(11)) == .queued)
    }

    @Test("A state is taken whatever its size: less than that the reader cannot be told")
    func largeState() {
        var backlog = filled(0, at: start)
        let state = ByteBuffer(repeating: 0, count: 1000)
        #expect(backlog.offer(state, isState: true, isWritable: false, at: start) == .queued)
    }
}
