// Rollcall · PresenceServer

import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

/// Makes one request for a list wait until the node may read the list and hold its bytes.
final class AnswerGate: Sendable {
    /// Answers up to this many bytes are not counted, because most fit into the kernel's buffers.
    static let small = 64 << 10
    /// About the bytes of one presence in a list.
    private static let bytesPerPresence = 256
    /// The time between two searches for room.
    private static let pause = Duration.milliseconds(50)

    private let budget: QueueBudget
    /// Whether this request is one of the ``QueueBudget/maximumReadings``.
    private let isReading = Atomic(false)

    init(budget: QueueBudget) { self.budget = budget }

    /// Waits until a list may be read and made; the caller calls ``endReading()`` afterwards.
    ///
    /// - Parameters:
    ///   - limit: Presences that the list shows at most.
    ///   - count: Counts the presences to read. Called only if the budget is full or no further list may be read now.
    /// - Throws: ``ProblemKind/nodeFull`` if there is no room within the budget's `roomWait`.
    func waitForRoom(limit: Int?, _ count: () async throws -> Int) async throws {
        if !budget.isFull, beginReading() { return }
        let count = try await count()
        let needsRoom = Self.isLarge(min(count, limit ?? .max))
        guard needsRoom || Self.isLarge(count) else { return }
        let deadline = ContinuousClock.now + budget.roomWait
        repeat {
            if !needsRoom || budget.makeRoom(), beginReading() { return }
            try await Task.sleep(for: Self.pause)
        } while ContinuousClock.now < deadline
        throw Problem.noRoom
    }

    /// Refuses a large list if other answers have filled the budget since it was asked for.
    func checkRoom(_ count: Int) throws(Problem) {
        if budget.isFull, Self.isLarge(count) { throw .noRoom }
    }

    /// Lets another request read.
    func endReading() {
        if isReading.exchange(false, ordering: .relaxed) { budget.endReading() }
    }

    private func beginReading() -> Bool {
        if isReading.load(ordering: .relaxed) { return true }
        guard budget.beginReading() else { return false }
        isReading.store(true, ordering: .relaxed)
        return true
    }

    private static func isLarge(_ count: Int) -> Bool { count * bytesPerPresence > small }
}

extension QueueBudget {
    /// Refuses a large answer while the budget is full.
    func checkRoom(bytes: Int) throws(Problem) {
        if isFull, bytes > AnswerGate.small { throw .noRoom }
    }

    /// Counts a large answer from now until its client has taken it.
    func count(_ response: inout Response, on channel: any Channel) async throws {
        let buffers = try await response.body.gathered()
        let held = buffers.map { hold($0, for: .answer(on: channel)) }
        response.body = ResponseBody(contentLength: response.body.contentLength) { writer in
            try await writer.write(contentsOf: buffers)
            try await writer.finish(nil)
            // When the event loop runs this, the channel has the bytes and knows whether the client reads them.
            channel.eventLoop.execute { Self.keep(held, on: channel) }
        }
    }

    /// Keeps frames until the client has taken them; the connection may begin its next request meanwhile.
    static func keep(_ held: [CountedFrame], on channel: any Channel) {
        guard channel.isActive, !channel.isWritable else {
            for frame in held { frame.finish() }
            return
        }
        channel.eventLoop.scheduleTask(in: .milliseconds(100)) { keep(held, on: channel) }
    }
}

extension ResponseBody {
    /// The bytes of a body that is in memory already.
    func gathered() async throws -> [ByteBuffer] {
        let body = GatheredBody()
        try await write(body)
        return body.buffers
    }
}

/// Collects the bytes of a body.
private final class GatheredBody: ResponseBodyWriter {
    private(set) var buffers: [ByteBuffer] = []

    func write(_ buffer: ByteBuffer) { buffers.append(buffer) }

    func finish(_ trailingHeaders: HTTPFields?) {}
}

extension Problem {
    fileprivate static var noRoom: Problem {
        var problem = Problem(
            .nodeFull, "As many bytes of answers and streams wait for slow readers as this node may hold.")
        problem.headers[.retryAfter] = "1"
        return problem
    }
}
