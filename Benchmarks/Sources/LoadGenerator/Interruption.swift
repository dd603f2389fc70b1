// Rollcall · LoadGenerator

import Glibc
import Synchronization

/// Set by Ctrl-C, SIGTERM and SIGHUP.
///
/// Every wait then throws, so that `defer` ends the servers.
public enum Interruption {
    private static let requested = Atomic<Bool>(false)

    public static func listen() {
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number) { _ in Interruption.requested.store(true, ordering: .relaxed) }
        }
        signal(SIGPIPE, SIG_IGN)
    }

    public static func check() throws(LoadError) {
        if requested.load(ordering: .relaxed) { throw LoadError("interrupted") }
    }

    /// Sleeps in slices of 50 ms; throws when the program was interrupted.
    public static func sleep(milliseconds: Int) throws(LoadError) {
        var left = milliseconds
        while left > 0 {
            try check()
            usleep(UInt32(min(left, 50) * 1000))
            left -= 50
        }
        try check()
    }
}
