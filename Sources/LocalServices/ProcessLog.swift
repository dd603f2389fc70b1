// Rollcall · LocalServices

import Synchronization

/// The output of a child process, standard output and standard error together.
///
/// Above ``limit`` bytes the oldest complete lines are dropped.
package final class ProcessLog: Sendable {
    private struct State {
        var lines: [String] = []
        var bytes = 0
        var partial: [UInt8] = []
    }

    /// The most bytes of complete lines, and of the unfinished one.
    package let limit: Int
    private let state = Mutex(State())

    package init(limit: Int = 1 << 20) {
        self.limit = limit
    }

    /// The complete lines so far, oldest first, then the unfinished one if there is any.
    package var lines: [String] {
        self.state.withLock { state in
            state.partial.isEmpty ? state.lines : state.lines + [String(decoding: state.partial, as: UTF8.self)]
        }
    }

    /// The complete lines, in which no value is cut.
    package var completeLines: [String] { self.state.withLock { $0.lines } }

    package var text: String { self.lines.joined(separator: "\n") }

    /// The last lines, for an error message.
    package func tail(_ count: Int = 10) -> String {
        self.lines.suffix(count).joined(separator: "\n")
    }

    /// The report of a crash from its first line on, if there is one, else the last lines; for an error message.
    package func ending(_ count: Int = 40) -> String {
        let lines = self.lines
        let crash = lines.firstIndex { $0.contains("Fatal error:") || $0.contains("*** Program crashed") }
        return (crash.map { lines[$0...].prefix(120) } ?? lines.suffix(count)).joined(separator: "\n")
    }

    package func append(_ bytes: some Sequence<UInt8>) {
        self.state.withLock { state in
            for byte in bytes {
                if byte == UInt8(ascii: "\n") {
                    state.bytes += state.partial.count
                    state.lines.append(String(decoding: state.partial, as: UTF8.self))
                    state.partial.removeAll(keepingCapacity: true)
                } else if state.partial.count < self.limit {
                    state.partial.append(byte)
                }
            }
            var surplus = 0
            while state.bytes > self.limit, surplus < state.lines.count {
                state.bytes -= state.lines[surplus].utf8.count
                surplus += 1
            }
            state.lines.removeFirst(surplus)
        }
    }
}
