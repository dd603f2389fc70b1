// Rollcall · Postgres

import Foundation
import Synchronization

/// Ends a wait on a socket from another thread: once raised it stays raised, and its descriptor stays readable.
final class PostgresSignal: Sendable {
    /// For `poll`, beside the socket.
    let descriptor: Int32
    private let writingEnd: Int32
    private let raised = Atomic(false)

    init() throws(PostgresError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw PostgresError(.unavailable, "cannot open a pipe: \(String(cString: strerror(errno)))")
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (descriptor, writingEnd) = (ends[0], ends[1])
    }

    deinit {
        close(descriptor)
        close(writingEnd)
    }

    var isRaised: Bool { raised.load(ordering: .acquiring) }

    func raise() {
        guard !raised.exchange(true, ordering: .acquiringAndReleasing) else { return }
        _ = write(writingEnd, [1], 1)
    }
}
