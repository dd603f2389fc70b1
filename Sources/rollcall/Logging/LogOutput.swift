// Rollcall · rollcall

import Basics
import Foundation
import Synchronization

/// Writes log lines to a descriptor, whole lines in their order, and never waits long for its reader.
///
/// A reader that does not keep up would otherwise stop the event loops. All lines together wait for at most
/// ``delayAllowance``; after that, lines are dropped at once, and the next line that gets through follows a line with
/// their number. The allowance is restored when the reader has kept up for the recovery time.
final class LogOutput: Sendable {
    private struct State {
        var lost = 0
        /// Whether a line was cut off in its middle.
        var isInLine = false
        /// How long lines may still wait.
        var delayAllowance = LogOutput.delayAllowance
        /// When a line last had to wait or was dropped.
        var lastDelay: ContinuousClock.Instant?
    }

    /// How long all lines together wait for a reader that kept up until now.
    static let delayAllowance = Duration.milliseconds(100)
    /// Bytes that a pipe takes without blocking when it is writable.
    private static let piece = Int(PIPE_BUF)

    private let descriptor: Int32
    private let recovery: Duration
    private let noteLost: @Sendable (Int) -> String
    private let state = Mutex(State())

    /// - Parameters:
    ///   - recovery: how long the reader must keep up before a line waits for it again.
    ///   - noteLost: makes the line with the number of dropped lines.
    init(
        descriptor: Int32 = STDERR_FILENO, recovery: Duration = .seconds(10),
        noteLost: @escaping @Sendable (Int) -> String
    ) {
        self.descriptor = descriptor
        self.recovery = recovery
        self.noteLost = noteLost
    }

    /// Writes one or more whole lines.
    @Sendable func write(_ lines: String) {
        state.withLock { state in
            if let last = state.lastDelay, ContinuousClock.now - last >= recovery {
                state.delayAllowance = Self.delayAllowance
                state.lastDelay = nil
            }
            guard isWritable(&state) else {
                state.lost += 1
                return
            }
            let text = (state.isInLine ? "\n" : "") + (state.lost > 0 ? noteLost(state.lost) : "") + lines
            (state.lost, state.isInLine) = (0, false)
            let count = send(Array(text.utf8), &state)
            if count < text.utf8.count { (state.lost, state.isInLine) = (1, count > 0) }
        }
    }

    /// Returns the number of bytes written; after a failure that lasts, counts all as written.
    private func send(_ bytes: [UInt8], _ state: inout State) -> Int {
        var sent = 0
        while sent < bytes.count, isWritable(&state) {
            let count = bytes[sent...].prefix(Self.piece).withUnsafeBytes {
                Foundation.write(descriptor, $0.baseAddress, $0.count)
            }
            if count >= 0 {
                sent += count
            } else if errno != EINTR, errno != EAGAIN {
                // The reader is gone or the disk is full: no other output can report this.
                return bytes.count
            }
        }
        return sent
    }

    /// Waits for the reader as long as the allowance lasts.
    private func isWritable(_ state: inout State) -> Bool {
        if isWritable(within: .zero) { return true }
        let start = ContinuousClock.now
        let isReady = state.delayAllowance > .zero && isWritable(within: state.delayAllowance)
        let end = ContinuousClock.now
        state.delayAllowance = isReady ? max(.zero, state.delayAllowance - (end - start)) : .zero
        state.lastDelay = end
        return isReady
    }

    private func isWritable(within time: Duration) -> Bool {
        let deadline = ContinuousClock.now + time
        while true {
            var asked = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            let left = max(.zero, ContinuousClock.now.duration(to: deadline))
            let count = poll(&asked, 1, Int32(clamping: left.wholeMilliseconds))
            if count < 0, errno == EINTR { continue }
            // An error or a hang-up counts as writable: the write then returns the error.
            return count > 0
        }
    }
}
