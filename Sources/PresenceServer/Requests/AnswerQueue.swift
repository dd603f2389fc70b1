// Rollcall · PresenceServer

import Hummingbird
import NIOCore

/// Counts a list in the node's budget until its client has taken it.
struct AnswerQueue: Sendable {
    /// Lists up to this size are not counted: most fit into the kernel's buffers.
    static let small = 64 << 10
    /// About what one presence takes in a list.
    private static let bytesPerPresence = 256
    /// How often a list that finds no room looks again, and for how long.
    private static let (pause, attempts) = (Duration.milliseconds(50), 100)

    let budget: QueueBudget
    let channel: any Channel

    /// Waits until a list of so many presences may be made.
    ///
    /// - Parameter count: Called only while the budget is full.
    func waitForRoom(_ count: () async throws -> Int) async throws {
        guard budget.isFull, Self.isLarge(try await count()) else { return }
        for _ in 0..<Self.attempts {
            if budget.makeRoom() { return }
            try await Task.sleep(for: Self.pause)
        }
        throw Problem.noRoom
    }

    /// Refuses a list that others have taken the room of since it was asked for.
    func checkRoom(_ count: Int) throws(Problem) {
        if budget.isFull, Self.isLarge(count) { throw .noRoom }
    }

    /// An answer that the budget counts until it is sent.
    func json(_ bytes: [UInt8]) -> Response {
        guard bytes.count > Self.small else { return .json(bytes) }
        var buffer = ByteBufferAllocator().buffer(capacity: bytes.count + 1)
        buffer.writeBytes(bytes)
        buffer.writeInteger(UInt8(ascii: "\n"))
        let held = budget.hold(buffer, for: .answer(on: channel))
        let body = ResponseBody(contentLength: buffer.readableBytes) { [buffer, channel] writer in
            try await writer.write(buffer)
            try await writer.finish(nil)
            // On the loop the connection has the bytes, and knows whether the client takes them.
            channel.eventLoop.execute { Self.keep(held, on: channel) }
        }
        return Response(status: .ok, headers: [.contentType: "application/json"], body: body)
    }

    /// Keeps what is held until the client has taken it, without keeping the connection from its next request.
    private static func keep(_ held: HeldFrame, on channel: any Channel) {
        guard channel.isActive, !channel.isWritable else { return held.finish() }
        channel.eventLoop.scheduleTask(in: .milliseconds(100)) { keep(held, on: channel) }
    }

    private static func isLarge(_ count: Int) -> Bool { count * bytesPerPresence > small }
}

extension Problem {
    fileprivate static var noRoom: Problem {
        var problem = Problem(
            .nodeFull, "As many bytes of lists and streams wait for slow readers as this node may hold.")
        problem.headers[.retryAfter] = "1"
        return problem
    }
}
