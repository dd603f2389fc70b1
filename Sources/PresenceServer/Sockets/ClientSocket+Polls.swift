// Rollcall · PresenceServer

import NIOCore
import PhoenixSocket

/// A socket without a connection: its client polls, and posts its messages.
extension ClientSocket {
    /// Begins a session of polls.
    ///
    /// - Parameters:
    ///   - token: Its text, which each answer repeats.
    ///   - onEnd: Called when it has ended.
    func beginPolling(_ token: String, onEnd: @escaping @Sendable () -> Void) {
        let session = LongPollSession(
            token: token, slowReaderBytes: services.options.slowReaderBytes, at: .now())
        output = LongPollOutput(session, of: self, budget: services.registry.budget)
        whenEnded { _ in onEnd() }
        services.registry.keep(self)
        services.callerLimits?.keep(self, of: caller)
    }

    /// Awaits the answer to a poll; nil if the session has ended.
    func poll() async -> LongPollOutput.Answered? {
        handle(.poll)
        guard let polls else { return nil }
        return await withCheckedContinuation { polls.poll($0) }
    }

    /// Takes the messages of a batch; false if the session has ended.
    func take(_ body: [UInt8], hasLines: Bool) -> Bool {
        guard state.end == nil else { return false }
        do throws(SocketError) {
            for frame in try LongPollBatch(body, hasLines: hasLines).frames { handle(.frame(frame)) }
        } catch {
            handle(.ended(.faulty(error)))
        }
        return state.end == nil
    }

    /// Notes that the client has taken an answer, or that it could not be sent.
    func answerEnded(_ id: LongPollSession.PollID, wasSent: Bool) { polls?.answerEnded(id, wasSent: wasSent) }

    func flushPoll() { polls?.flush() }

    func passPollTime() { polls?.passTime() }

    private var polls: LongPollOutput? { output as? LongPollOutput }
}
