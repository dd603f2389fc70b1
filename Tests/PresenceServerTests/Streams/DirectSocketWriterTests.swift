// Rollcall · PresenceServerTests

import Foundation
import NIOCore
import NIOEmbedded
import Testing

@testable import PresenceServer

@Suite("Sending past NIO")
struct DirectSocketWriterTests {
    private func outcome(_ results: [(sent: Int, error: CInt)]) -> (outcome: DirectSocketWriter.Outcome, calls: Int) {
        var calls = 0
        let bytes: [UInt8] = Array("0123456789".utf8)
        let outcome = bytes.withUnsafeBytes { bytes in
            DirectSocketWriter.send(bytes) {
                #expect($0.count == 10)
                let result = results[calls]
                calls += 1
                errno = result.error
                return result.sent
            }
        }
        return (outcome, calls)
    }

    @Test func `The kernel takes all bytes, or some of them`() {
        #expect(outcome([(10, 0)]) == (.sent(10), 1))
        #expect(outcome([(4, 0)]) == (.sent(4), 1))
    }

    @Test func `A full buffer takes no bytes, and is no failure`() {
        #expect(outcome([(-1, EAGAIN)]) == (.sent(0), 1))
        #expect(outcome([(-1, EWOULDBLOCK)]) == (.sent(0), 1))
    }

    @Test func `A call that a signal interrupts is repeated`() {
        #expect(outcome([(-1, EINTR), (-1, EINTR), (7, 0)]) == (.sent(7), 3))
        #expect(outcome([(-1, EINTR), (-1, EAGAIN)]) == (.sent(0), 2))
    }

    @Test(arguments: [EPIPE, ECONNRESET, ETIMEDOUT, ENOBUFS, EBADF])
    func `Any other error is a failure with its code`(code: CInt) {
        #expect(outcome([(-1, code)]) == (.failed(code), 1))
    }

    /// Fails with a NIO that hides the order of handlers: then no stream sends past NIO.
    @Test func `Only the first handler of a pipeline stands next to the socket`() throws {
        let channel = EmbeddedChannel()
        let pipeline = channel.pipeline.syncOperations
        let (first, second) = (Upcased(), Upcased())
        try pipeline.addHandler(first)
        #expect(DirectSocketWriter.isNextToSocket(try pipeline.context(handler: first)))
        try pipeline.addHandler(second, name: "head")
        #expect(!DirectSocketWriter.isNextToSocket(try pipeline.context(handler: second)))
        let third = Upcased()
        try pipeline.addHandler(third)
        #expect(!DirectSocketWriter.isNextToSocket(try pipeline.context(handler: third)), "behind one named head")
        try pipeline.addHandler(RequestStart(), position: .first)
        #expect(!DirectSocketWriter.isNextToSocket(try pipeline.context(handler: first)))
        _ = try channel.finish()
    }

    @Test func `A channel without a socket offers no direct way`() throws {
        let channel = EmbeddedChannel()
        let handler = Upcased()
        try channel.pipeline.syncOperations.addHandler(handler)
        #expect(DirectSocketWriter(try channel.pipeline.syncOperations.context(handler: handler)) == nil)
        _ = try channel.finish()
    }
}
