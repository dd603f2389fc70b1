// Rollcall · LocalServices

/// How a process ended.
package enum ProcessExit: Hashable, Sendable, CustomStringConvertible {
    case exited(Int32)
    case signaled(Int32)
    /// It never ran: the operating system refused to start it.
    case notStarted(String)

    package var description: String {
        switch self {
        case .exited(let code): "exited with code \(code)"
        case .signaled(let signal): "ended by signal \(signal)"
        case .notStarted(let reason): "could not be started: \(reason)"
        }
    }
}
