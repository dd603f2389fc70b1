// Rollcall · bench

import LoadGenerator

/// Topics with one subscriber each on the second node, and a connection to the first that changes them.
final class Followers {
    /// So many topics that a connection needs more time for a round than the window of a topic.
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

    /// The number of diffs that subscribers received.
    var events: Int { streams.counters.diffs }

    /// Changes the first topics in turn, and returns when all changes were sent to their subscribers.
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
            try reactor.run(seconds: 0.05)  // longer than the window of a topic
        } while events > seen
    }
}
