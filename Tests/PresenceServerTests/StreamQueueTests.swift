// Rollcall · PresenceServerTests

import NIOCore
import PresenceServer
import Testing

@Suite("The queue of a slow reader")
struct StreamQueueTests {
    let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    let small = StreamFrame(ByteBuffer(string: "0123456789"))

    private func filled(_ count: Int, at now: NIODeadline) -> StreamQueue {
        var queue = StreamQueue(slowReaderBytes: 100, slowReaderAge: .seconds(10))
        for _ in 0..<count { _ = queue.offer(small, as: .diff, isWritable: false, at: now) }
        return queue
    }

    @Test func `A frame for a reader that keeps up is written at once`() {
        var queue = StreamQueue()
        #expect(queue.offer(small, as: .diff, isWritable: true, at: start) == .write)
        #expect(queue.isEmpty)
    }

    @Test func `Queued frames are sent in order, and no frame overtakes them`() {
        var queue = filled(1, at: start)
        let second = StreamFrame(ByteBuffer(string: "second"))
        #expect(queue.offer(second, as: .notice, isWritable: true, at: start) == .queued)
        let (first, next, none) = (queue.next(), queue.next(), queue.next())
        #expect(first == small && next == second && none == nil)
    }

    @Test func `One byte over the bound drops all diffs`() {
        var queue = filled(10, at: start)
        #expect(queue.offer(StreamFrame(ByteBuffer(string: "x")), as: .diff, isWritable: false, at: start) == .lost)
        #expect(queue.isEmpty)
        #expect(queue.offer(small, as: .diff, isWritable: false, at: start) == .queued, "there is room again")
    }

    @Test func `A diff that waited too long drops the queue, even if frames before it were sent`() {
        var queue = filled(3, at: start)
        _ = queue.next()
        #expect(queue.offer(small, as: .diff, isWritable: false, at: start + .seconds(9)) == .queued)
        #expect(queue.offer(small, as: .diff, isWritable: false, at: start + .seconds(11)) == .lost)
    }

    @Test func `A state is queued at any size, and however long its reader takes`() {
        var queue = filled(0, at: start)
        let state = StreamFrame(ByteBuffer(repeating: 0, count: 80))
        for _ in 0..<2 { #expect(queue.offer(state, as: .state, isWritable: false, at: start) == .queued) }
        _ = queue.next()
        #expect(queue.offer(small, as: .diff, isWritable: false, at: start + .seconds(60)) == .queued)
    }

    @Test func `A notice about the stream stays when its diffs are dropped`() {
        var queue = filled(9, at: start)
        let notice = StreamFrame(ByteBuffer(string: "recovered"))
        _ = queue.offer(notice, as: .notice, isWritable: false, at: start)
        #expect(queue.offer(small, as: .diff, isWritable: false, at: start) == .lost)
        let (first, none) = (queue.next(), queue.next())
        #expect(first == notice && none == nil)
    }

    @Test func `while the budget of the node is full a reader keeps 64 KiB of changes`() {
        var queue = StreamQueue()
        let frame = StreamFrame(ByteBuffer(repeating: 0, count: 40 << 10))
        func offer(isBudgetFull: Bool) -> StreamQueue.Offer {
            queue.offer(frame, as: .diff, isWritable: false, isBudgetFull: isBudgetFull, at: start)
        }
        for _ in 0..<3 { #expect(offer(isBudgetFull: false) == .queued) }
        #expect(offer(isBudgetFull: true) == .lost)
        #expect(offer(isBudgetFull: true) == .queued)
    }

    @Test func `a large event is shared as it is, and a small one is copied behind its id`() {
        let id = ByteBuffer(string: "id: 1")
        let (small, large) = (ByteBuffer(string: "event"), ByteBuffer(repeating: 1, count: 17 << 10))
        #expect(StreamFrame(head: id, small) == StreamFrame(ByteBuffer(string: "id: 1event")))
        let frame = StreamFrame(head: id, large)
        #expect(frame.head == id && frame.event == large)
    }
}
