// Rollcall · LoadGenerator

import Glibc

/// The bound of open files, which a benchmark of connections meets first.
public enum OpenFiles {
    /// Raises the bound as far as the system lets us; servers that are started afterwards have it too.
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
