// Rollcall · PresenceServer

package import Logging
package import NIOCore
import PhoenixSocket
package import PresenceStore
import ServiceLifecycle
import Synchronization

/// Passes long polls on to the nodes of their sessions, and answers those that other nodes pass on.
///
/// So a client needs no stickiness. Redis may lose a message: then a poll is answered with the end of the session, and
/// the client begins another one.
package final class PollForwarder: Service, Sendable {
    /// The result of a request to another node.
    enum Reply: Sendable {
        case answer(PollMessage)
        /// No node listens under this name.
        case unreachable
        /// No answer came in time.
        case late
    }

    /// How long a node waits for the answer to a poll, which waits for messages itself.
    static let pollPatience = Duration.seconds(12)
    static let batchPatience = Duration.seconds(10)
    /// How long the node of a session waits for the report that the client has taken an answer.
    static let reportPatience = Duration.seconds(2)
    /// Messages of other nodes that wait, and those that are answered at once; more are dropped, and their clients begin
    /// other sessions.
    private static let maximumWaiting = 10_000

    let node: String
    private let store: PresenceStore
    private let table: LongPollTable
    private let logger: Logger
    /// Messages of other nodes that are being answered.
    private let answering = Mutex(0)
    private let waiters = Mutex<[UInt64: AsyncStream<PollMessage>.Continuation]>([:])
    private let requests = AsyncStream<PollMessage>.makeStream(
        bufferingPolicy: .bufferingOldest(PollForwarder.maximumWaiting))
    private let reports = AsyncStream<(message: PollMessage, node: String)>.makeStream(
        bufferingPolicy: .bufferingOldest(PollForwarder.maximumWaiting))

    /// - Parameter node: The name of this node, by which others reach it.
    package init(node: String, store: PresenceStore, table: LongPollTable, logger: Logger) {
        self.node = node
        self.store = store
        self.table = table
        self.logger = logger
    }

    /// Takes a message of another node.
    package func receive(_ bytes: ByteBuffer) {
        guard let message = PollMessage(bytes) else {
            return logger.debug(
                "sockets: message of a node cannot be read", metadata: ["bytes": "\(bytes.readableBytes)"])
        }
        switch message.kind {
        case .poll, .batch: requests.continuation.yield(message)
        case .answer, .ended: waiters.withLock { $0[message.id] }?.yield(message)
        }
    }

    // MARK: Requests of this node

    /// Passes a poll on.
    func poll(_ session: String, at node: String) async -> Reply {
        await ask(request(.poll, session), of: node, within: Self.pollPatience)
    }

    /// Passes a batch on.
    func send(_ body: [UInt8], hasLines: Bool, to session: String, at node: String) async -> Reply {
        await ask(
            request(.batch, session, number: hasLines ? 1 : 0, body: body), of: node, within: Self.batchPatience)
    }

    /// Reports whether the client has taken the answer to a poll.
    func report(_ answer: PollMessage, wasSent: Bool) {
        let report = PollMessage(
            .ended, id: answer.id, from: node, session: answer.session, number: wasSent ? 1 : 0)
        reports.continuation.yield((report, answer.from))
    }

    /// Makes a request with an id of its own.
    private func request(
        _ kind: PollMessage.Kind, _ session: String, number: UInt32 = 0, body: [UInt8] = []
    ) -> PollMessage {
        PollMessage(
            kind, id: .random(in: .min ... .max), from: node, session: session, number: number, body: body)
    }

    /// Sends a message, and awaits one with its id.
    private func ask(_ message: PollMessage, of node: String, within time: Duration) async -> Reply {
        let (answers, continuation) = AsyncStream<PollMessage>.makeStream(bufferingPolicy: .bufferingOldest(1))
        waiters.withLock { $0[message.id] = continuation }
        defer { waiters.withLock { $0[message.id] = nil } }
        return await withTaskGroup(of: Reply.self) { group in
            group.addTask { await answers.first { _ in true }.map(Reply.answer) ?? .late }
            group.addTask {
                guard await self.send(message, to: node) else { return .unreachable }
                try? await Task.sleep(for: time)
                return .late
            }
            let reply = await group.next() ?? .late
            group.cancelAll()
            return reply
        }
    }

    /// Returns false if the node does not listen.
    private func send(_ message: PollMessage, to node: String) async -> Bool {
        do throws(StoreError) {
            return try await store.send(message.bytes, toPollsOf: node)
        } catch {
            logger.debug("sockets: poll not passed on", metadata: ["error": "\(error)", "to": "\(node)"])
            return false
        }
    }

    // MARK: Requests of other nodes

    /// Answers other nodes until graceful shutdown.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask {
                    for await report in self.reports.stream { _ = await self.send(report.message, to: report.node) }
                }
                group.addTask {
                    await withDiscardingTaskGroup { answers in
                        for await request in self.requests.stream where self.beginAnswer() {
                            answers.addTask {
                                await self.answer(request)
                                self.answering.withLock { $0 -= 1 }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Counts an answer that begins; false if as many run as may.
    private func beginAnswer() -> Bool {
        answering.withLock { running in
            guard running < Self.maximumWaiting else { return false }
            running += 1
            return true
        }
    }

    private func answer(_ request: PollMessage) async {
        guard let socket = LongPollName(request.session).flatMap({ table.find($0.session, of: $0.owner) }) else {
            return await reply(LongPollAnswer(.gone), to: request)
        }
        guard request.kind == .poll else {
            let isTaken = await socket.take(request.body, hasLines: request.number == 1)
            return await reply(LongPollAnswer(isTaken ? .ok : .gone), to: request)
        }
        guard let answered = await socket.poll() else { return await reply(LongPollAnswer(.gone), to: request) }
        let ended = await ask(
            answer(answered.answer, to: request), of: request.from, within: Self.reportPatience)
        var wasSent = false
        if case .answer(let report) = ended { wasSent = report.number == 1 }
        await socket.answerEnded(answered.id, wasSent: wasSent)
    }

    private func reply(_ answer: LongPollAnswer, to request: PollMessage) async {
        _ = await send(self.answer(answer, to: request), to: request.from)
    }

    private func answer(_ answer: LongPollAnswer, to request: PollMessage) -> PollMessage {
        PollMessage(
            .answer, id: request.id, from: node, session: request.session, number: UInt32(answer.status.rawValue),
            body: answer.json)
    }
}

/// A session and its owner, as messages between nodes name them.
struct LongPollName: Sendable {
    let session: String
    let owner: String

    /// A session has no colon.
    var text: String { session + ":" + owner }

    init(_ token: LongPollToken) {
        session = token.session
        owner = token.owner
    }

    init?(_ text: String) {
        guard let colon = text.firstIndex(of: ":") else { return nil }
        session = String(text[..<colon])
        owner = String(text[text.index(after: colon)...])
    }
}
