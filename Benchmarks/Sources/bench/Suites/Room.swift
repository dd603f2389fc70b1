// Rollcall · bench

import LoadGenerator

/// One topic with its subscribers, and the connections that publish to it.
final class Room {
    let reactor = Reactor()
    /// The subscribers, a fleet for each wire.
    let fleets: [StreamFleet]
    private let publisher: RequestFleet
    private let service: Service
    private var subject: Subject { service.subject }
    private var published = 0
    private var left = 0
    /// Changes that were sent one by one.
    private var changes = 0
    /// Whether changes track and untrack the presence in turn, in place of updates.
    private let untracks: Bool
    /// The number of bytes added to each value.
    var padding = 0

    /// - Parameter size: The subscribers of each wire.
    init(
        _ size: Int, of service: Service, wires: [StreamWire] = [.events], firstMarkerOnly: Bool = true,
        slowEvery: Int = 0, untracks: Bool = false
    ) throws(LoadError) {
        self.service = service
        self.untracks = untracks
        var fleets: [StreamFleet] = []
        for wire in wires {
            var options = StreamOptions(count: size, port: service.port, path: StreamPath(service.subject.roomStream))
            if case .socket = wire { options.path = StreamPath(StreamWire.socketPath) }
            options.wire = wire
            options.readTimes(firstOnly: firstMarkerOnly)
            // The diff of an untrack has the time of the track.
            if untracks { options.marker = #""joins":{"publisher-0":{"metas":[{"ts":"# }
            options.slowEvery = slowEvery
            options.sources = 1 + size / 20_000
            fleets.append(StreamFleet(options, on: reactor))
        }
        self.fleets = fleets
        publisher = try RequestFleet(connections: 8, port: service.port, on: reactor)
        for fleet in fleets {
            try fleet.open()
            if [.rollcall, .node].contains(service.subject) { try fleet.begin() }
        }
    }

    func close() {
        for fleet in fleets { fleet.close() }
        publisher.close()
    }

    /// The first fleet, which is the only one in most suites.
    var streams: StreamFleet { fleets[0] }

    /// The states and diffs that all subscribers have received.
    private var received: Int { fleets.reduce(0) { $0 + $1.counters.diffs + $1.counters.states } }

    /// Changes one presence `count` times; the next change follows a pause after all readers have the last one.
    ///
    /// The pause is longer than any window of the server, and does not count.
    @discardableResult
    func publishOneByOne(_ count: Int, pauses: Bool = true) throws(LoadError) -> Spent {
        var spent = Spent()
        publisher.next = { [self] connection, writer in
            guard connection == 0, left > 0 else { return false }
            left -= 1
            changes += 1
            if untracks, changes.isMultiple(of: 2) {
                subject.untrack(0, writer)
            } else {
                subject.publish(0, writer, padding: padding)
            }
            return true
        }
        for _ in 0..<count {
            let wanted = received + fleets.reduce(0) { $0 + $1.options.readers }
            left = 1
            let cost = Cost(of: service)
            publisher.start()
            let isSeen = try reactor.run(seconds: 20) { received >= wanted && publisher.underWay == 0 }
            guard isSeen else {
                let counts = fleets.map { "\($0.counters)" }.joined(separator: "; ")
                throw LoadError("a diff did not reach \(wanted - received) subscribers: \(counts)")
            }
            let last = cost.soFar()
            spent += last
            if pauses { try reactor.run(seconds: max(0.02, 3 * last.seconds)) }
        }
        try publisher.requireSuccess()
        return spent
    }

    /// Adds `count` presences as fast as the connections can send, until all subscribers have all of them; then pauses.
    @discardableResult
    func publishAtOnce(_ count: Int) throws(LoadError) -> Spent {
        left = count
        publisher.next = { [self] _, writer in
            guard left > 0 else { return false }
            left -= 1
            published += 1
            subject.publish(published, writer)
            return true
        }
        streams.expect(published + count)
        let cost = Cost(of: service)
        publisher.start()
        let isSeen = try reactor.run(seconds: 60) {
            streams.counters.complete == streams.options.count && publisher.underWay == 0
        }
        guard isSeen else {
            throw LoadError("\(streams.counters.complete) of \(streams.options.count) subscribers have seen the burst")
        }
        let spent = cost.soFar()
        try publisher.requireSuccess()
        try reactor.run(seconds: 1.5)
        return spent
    }
}
