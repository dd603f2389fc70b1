// Rollcall · bench

import Glibc
import LoadGenerator

/// A running server, or nodes with their Redis, and the pids for its CPU time and memory.
final class Service {
    let subject: Subject
    private(set) var nodes: [ServiceNode]
    let redis: RedisServer?
    private let scratch: Scratch

    init(_ subject: Subject, nodes: [ServiceNode], redis: RedisServer? = nil, scratch: Scratch) {
        self.subject = subject
        self.nodes = nodes
        self.redis = redis
        self.scratch = scratch
    }

    deinit {
        end()
    }

    var port: UInt16 { nodes[0].port }

    var pids: [pid_t] { nodes.filter(\.child.isRunning).flatMap(\.pids) }

    func end() {
        for node in nodes { node.child.end(signal: SIGKILL) }
        redis?.end()
        scratch.remove()
    }
}
