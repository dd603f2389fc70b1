// Rollcall · bench

import Glibc
import LoadGenerator

/// One server process and its port.
struct ServiceNode {
    let child: Child
    let port: UInt16

    /// The process and those it started: nginx works in a child of its own.
    var pids: [pid_t] { [child.pid] + ProcessAccount.children(of: child.pid) }
}
