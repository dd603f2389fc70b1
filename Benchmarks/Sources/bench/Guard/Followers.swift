// Rollcall · bench

import LoadGenerator

/// Topics with one subscriber each on the second node, and a connection to the first that changes them.
final class Followers {
    /// So many that a connection takes longer for a round than a node collects changes.
    static let topics = 100

    /// The node that only follows.
    let node: ServiceNode
    private let reactor = Reactor()
    private let streams: StreamFleet
    private let publisher: RequestFleet

    init(of service: Service) throws(LoadError) {
        node = service.nodes[1]
        let path = StreamPath("/v1/topics/room-{t}/events", topics: Self.topics)
        streams = StreamFleet(StreamOptions(count: Self.topics, port: node.port, path: path), on: reactor)
        publisher = try RequestFleet(connections: 1, port: service.port, on: reactor)
        try streams.open()
        try streams.begin()
    }

    func close() {
        streams.close()
        publisher.close()
    }

    /// Diffs that subscribers had.
    var events: Int { streams.counters.diffs }

    /// Changes the first topics in turn, and returns when all of it has been told.
    func change(_ count: Int, topics: Int) throws(LoadError) {
        var number = 0
        publisher.next = { _, writer in
            guard number < count else { return false }
            writer.request(
                "PUT",
                path: {
                    $0.text("/v1/topics/room-")
                    $0.number(number % topics)
                    $0.text("/presences/publisher/one")
                },
                body: {
                    $0.text(#"{"ttl":300,"meta":{"ts":"#)
                    $0.number(Clock.now)
                    $0.text("}}")
                })
            number += 1
            return true
        }
        try publisher.run(seconds: 60)
        var seen: Int
        repeat {
            seen = events
            try reactor.run(seconds: 0.05)  // longer than a node collects changes
        } while events > seen
    }
}
