// Rollcall · bench

import LoadGenerator

/// One topic with its subscribers, and the connections that publish to it.
final class Room {
    let reactor = Reactor()
    let streams: StreamFleet
    private let publisher: RequestFleet
    private let service: Service
    private var subject: Subject { service.subject }
    private var published = 0
    private var left = 0
    /// The number of bytes added to each value.
    var padding = 0

    init(_ size: Int, of service: Service, firstMarkerOnly: Bool = true, slowEvery: Int = 0) throws(LoadError) {
        self.service = service
        var options = StreamOptions(count: size, port: service.port, path: StreamPath(service.subject.roomStream))
        options.readTimes(firstOnly: firstMarkerOnly)
        options.slowEvery = slowEvery
        options.sources = 1 + size / 20_000
        streams = StreamFleet(options, on: reactor)
        publisher = try RequestFleet(connections: 8, port: service.port, on: reactor)
        try streams.open()
        if [.rollcall, .node].contains(service.subject) { try streams.begin() }
    }

    func close() {
        streams.close()
        publisher.close()
    }

    /// Changes one presence `count` times; the next change follows a pause after all readers have the last one.
    ///
    /// The pause is longer than any window of the server, and does not count.
    @discardableResult
    func publishOneByOne(_ count: Int, pauses: Bool = true) throws(LoadError) -> Spent {
        var spent = Spent()
        publisher.next = { [self] connection, writer in
            guard connection == 0, left > 0 else { return false }
            left -= 1
            subject.publish(0, writer, padding: padding)
            return true
        }
        for _ in 0..<count {
            let counters = streams.counters
            let wanted = counters.diffs + counters.states + streams.options.readers
            left = 1
            let cost = Cost(of: service)
            publisher.start()
            let isSeen = try reactor.run(seconds: 20) {
                streams.counters.diffs + streams.counters.states >= wanted && publisher.underWay == 0
            }
            guard isSeen else { throw LoadError("a diff did not reach \(wanted - streams.counters.diffs) subscribers") }
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
