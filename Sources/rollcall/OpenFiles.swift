// Rollcall · rollcall

import Foundation

/// The number of files and sockets that this process may have open.
enum OpenFiles {
    /// Raises the soft limit to the hard one, since every stream is a socket, and gives the limit in force.
    static func raiseLimit() -> Int {
        #if canImport(Glibc)
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
            let resource = RLIMIT_NOFILE
        #endif
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return 0 }
        var raised = limit
        raised.rlim_cur = limit.rlim_max
        // Darwin calls its hard limit infinite but refuses it; the soft limit then stays as it was.
        guard setrlimit(resource, &raised) == 0 else { return Int(clamping: limit.rlim_cur) }
        return Int(clamping: raised.rlim_cur)
    }
}
