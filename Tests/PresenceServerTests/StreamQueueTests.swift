// Rollcall · PresenceServerTests

import NIOCore
import PresenceServer
import Testing

@Suite("The backlog of a slow reader")
struct StreamQueueTests {
    let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    let small = StreamFrame(ByteBuffer(string: "0123456789"))

    private func filled(_ count: Int, at now: NIODeadline) -> StreamQueue {
        var backlog = StreamQueue(slowReaderBytes: 100, slowReaderAge: .seconds(10))
        for _ in 0..<count { _ = backlog.offer(small, as: .diff, isWritable: false, at: now) }
        return backlog
    }

    @Test func `A reader that keeps up is written to at once`() {
        var backlog = StreamQueue()
        #expect(backlog.offer(small, as: .diff, isWritable: true, at: start) == .write)
        #expect(backlog.isEmpty)
    }

    @Test func `Frames wait in line, and nothing overtakes them`() {
        var backlog = filled(1, at: start)
        let second = StreamFrame(ByteBuffer(string: "second"))
        #expect(backlog.offer(second, as: .notice, isWritable: true, at: start) == .queued)
        let (first, next, none) = (backlog.next(), backlog.next(), backlog.next())
        #expect(first == small && next == second && none == nil)
    }

    @Test func `One byte over the bound, and all diffs are gone`() {
        var backlog = filled(10, at: start)
        #expect(backlog.offer(StreamFrame(ByteBuffer(string: "x")), as: .diff, isWritable: false, at: start) == .lost)
        #expect(backlog.isEmpty)
        #expect(backlog.offer(small, as: .diff, isWritable: false, at: start) == .queued, "there is room again")
    }

    @Test func `A diff that waited too long takes the queue with it, however much of it has moved on`() {
        var backlog = filled(3, at: start)
        _ = backlog.next()
        #expect(backlog.offer(small, as: .diff, isWritable: false, at: start + .seconds(9)) == .queued)
        #expect(backlog.offer(small, as: .diff, isWritable: false, at: start + .seconds(11)) == .lost)
    }

    @Test func `A state is taken whatever its size, and however long it takes to be read`() {
        var backlog = filled(0, at: start)
        let state = StreamFrame(ByteBuffer(repeating: 0, count: 80))
        for _ in 0..<2 { #expect(backlog.offer(state, as: .state, isWritable: false, at: start) == .queued) }
        _ = backlog.next()
        #expect(backlog.offer(small, as: .diff, isWritable: false, at: start + .seconds(60)) == .queued)
    }

    @Test func `What is said of the stream itself outlives the queue`() {
        var backlog = filled(9, at: start)
        let notice = StreamFrame(ByteBuffer(string: "recovered"))
        _ = backlog.offer(notice, as: .notice, isWritable: false, at: start)
        #expect(backlog.offer(small, as: .diff, isWritable: false, at: start) == .lost)
        let (first, none) = (backlog.next(), backlog.next())
        #expect(first == notice && none == nil)
    }

    @Test func `while the budget of the node is full a reader keeps 64 KiB of changes`() {
        var backlog = StreamQueue()
        let frame = StreamFrame(ByteBuffer(repeating: 0, count: 40 << 10))
        func offer(isBudgetFull: Bool) -> StreamQueue.Offer {
            backlog.offer(frame, as: .diff, isWritable: false, isBudgetFull: isBudgetFull, at: start)
        }
        for _ in 0..<3 { #expect(offer(isBudgetFull: false) == .queued) }
        #expect(offer(isBudgetFull: true) == .lost)
        #expect(offer(isBudgetFull: true) == .queued)
    }

    @Test func `a large event is shared as it is, and a small one is copied behind its id`() {
        let id = ByteBuffer(string: "id: 1")
        let (small, large) = (ByteBuffer(string: "event"), ByteBuffer(repeating: 1, count: 17 << 10))
        #expect(StreamFrame(id: id, small) == StreamFrame(ByteBuffer(string: "id: 1event")))
        let frame = StreamFrame(id: id, large)
        #expect(frame.id == id && frame.event == large)
    }
}
