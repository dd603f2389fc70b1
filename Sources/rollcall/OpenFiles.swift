// Rollcall · rollcall

import Foundation

/// The number of files and sockets that this process may have open.
enum OpenFiles {
    /// The limit that is assumed if the system does not name one.
    static let assumedLimit = 1024

    /// Raises the soft limit to the hard one, since every stream is a socket.
    ///
    /// - Returns: The limit in force; nil when the system does not name one.
    static func raiseLimit() -> Int? {
        #if canImport(Glibc)
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
            let resource = RLIMIT_NOFILE
        #endif
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return nil }
        var raised = limit
        raised.rlim_cur = limit.rlim_max
        // Darwin calls its hard limit infinite but refuses it; the soft limit then stays as it was.
        guard setrlimit(resource, &raised) == 0 else { return Int(clamping: limit.rlim_cur) }
        return Int(clamping: raised.rlim_cur)
    }

    /// The share of open files for connections of clients, beside those that the node itself needs.
    struct Share: Equatable {
        let connections: Int
        /// Files that the node keeps for itself.
        let reserved: Int
        /// Whether the limit is too low for a node to work well.
        let isScarce: Bool
        /// Whether the limit is too low for a node to work at all; the runtime ends a process that has no file left.
        let isTooLow: Bool
        /// The lowest limit with which a node starts.
        let lowest: Int

        /// - Parameters:
        ///   - limit: Open files at most; nil if it is not known.
        ///   - eventLoops: Each has an epoll, a timer and an event descriptor.
        ///   - services: Connections to Redis, PostgreSQL and operators at most.
        init(limit: Int?, eventLoops: Int, services: Int) {
            let limit = limit ?? OpenFiles.assumedLimit
            // Standard streams, the listening socket, name look-ups, and files that are read at the start.
            let needed = 16 + 3 * eventLoops + services
            reserved = max(needed, min(256, limit / 4))
            connections = max(1, limit - reserved)
            isScarce = limit < 2 * needed
            lowest = needed + 1
            isTooLow = limit < lowest
        }
    }
}
