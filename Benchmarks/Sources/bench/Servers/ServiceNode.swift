// Rollcall · bench

import AllocationGuard
import Glibc
import LoadGenerator

/// One server process and its port.
struct ServiceNode {
    let child: Child
    let port: UInt16
    /// The counter of its allocations; nil when they are not counted.
    var counter: AllocationCounter?

    /// Its allocations since it was started.
    var allocated: AllocationCount { counter?.total ?? .zero }

    /// The process and its children, because nginx works in a child process.
    var pids: [pid_t] { [child.pid] + ProcessAccount.children(of: child.pid) }
}
