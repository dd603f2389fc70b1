// Rollcall · LoadGenerator

import Glibc

/// The limit on open files, which is the first bound on the number of connections.
public enum OpenFiles {
    /// Raises the limit as far as the system permits, and returns it; servers that are started afterwards inherit it.
    @discardableResult
    public static func raise(to wanted: Int = 1_048_576) -> Int {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        var higher = rlimit(rlim_cur: rlim_t(wanted), rlim_max: rlim_t(wanted))
        if limit.rlim_max < wanted, setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &higher) == 0 {
            return wanted
        }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return Int(min(limit.rlim_max, rlim_t(Int32.max)))
    }
}
