// Rollcall · bench

import LoadGenerator

/// One client that abuses a node at a fixed rate.
final class Abuser {
    private let reactor: Reactor
    private let requests: RequestFleet
    private let rate: Double
    private let began = Clock.now
    private var sent = 0
    /// The attempts that are due.
    private var due = 0

    init(_ abuse: Abuse, token: String, port: UInt16, on reactor: Reactor) throws(LoadError) {
        self.reactor = reactor
        rate = abuse.rate
        requests = try RequestFleet(connections: abuse.connections, port: port, on: reactor)
        requests.next = { [self] _, writer in
            guard sent < due else { return false }
            sent += 1
            abuse.write(sent, token: token, to: writer)
            return true
        }
    }

    func close() {
        requests.close()
    }

    /// The attempts that were answered with an error status.
    var refused: Int { requests.statuses[4] + requests.statuses[5] }

    func run(until moment: UInt64) throws(LoadError) {
        while Clock.now < moment {
            due = Int(Double(Clock.now - began) / 1e9 * rate)
            requests.start()
            try reactor.turn(milliseconds: 1)
        }
    }
}
