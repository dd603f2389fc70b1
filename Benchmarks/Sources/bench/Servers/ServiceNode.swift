// Rollcall · bench

import AllocationGuard
import Glibc
import LoadGenerator

/// One server process and its port.
struct ServiceNode {
    let child: Child
    let port: UInt16
    /// Where its allocations are counted, if they are.
    var counter: AllocationCounter?

    /// What it has allocated since it was started.
    var allocated: AllocationCount { counter?.total ?? .zero }

    /// The process and those it started: nginx works in a child of its own.
    var pids: [pid_t] { [child.pid] + ProcessAccount.children(of: child.pid) }
}
