// Rollcall · bench

import LoadGenerator

/// Connections that track, update and untrack presences over some topics.
final class Writers {
    let requests: RequestFleet
    private let topics: Int
    private var next = 0

    init(_ connections: Int, of service: Service, on reactor: Reactor, topics: Int) throws(LoadError) {
        self.topics = topics
        requests = try RequestFleet(connections: connections, port: service.port, on: reactor)
    }

    func close() {
        requests.close()
    }

    /// Tracks the presences 0..<count, one in a request.
    func track(_ count: Int) throws(LoadError) {
        try each(count) { [self] number, writer in
            writer.request(
                "PUT", path: { path(number, $0) },
                body: {
                    $0.text(#"{"ttl":300,"meta":{"name":"User "#)
                    $0.number(number)
                    $0.text(#"","status":"online"}}"#)
                })
        }
    }

    func update(_ count: Int) throws(LoadError) {
        try each(count) { [self] number, writer in
            writer.request(
                "PATCH", contentType: "application/merge-patch+json", path: { path(number, $0) },
                body: { $0.text(#"{"status":"away"}"#) })
        }
    }

    func untrack(_ count: Int) throws(LoadError) {
        try each(count) { [self] number, writer in writer.request("DELETE", path: { path(number, $0) }) }
    }

    /// Tracks presences repeatedly, each time with a new value, until ``stop()``.
    func keepTracking() {
        requests.next = { [self] _, writer in
            next += 1
            writer.request(
                "PUT", path: { path(next % 10_000, $0) },
                body: {
                    $0.text(#"{"ttl":300,"meta":{"turn":"#)
                    $0.number(self.next)
                    $0.text("}}")
                })
            return true
        }
        requests.start()
    }

    func stop() throws(LoadError) {
        requests.next = { _, _ in false }
        try requests.run(seconds: 20)
    }

    /// Tracks the presences 0..<count, `members` in a request; all presences of a request are on one topic.
    func batch(_ count: Int, of members: Int, ttl: Int) throws(LoadError) {
        try each((count + members - 1) / members) { [self] number, writer in
            let range = number * members..<min(count, (number + 1) * members)
            writer.request(
                "POST", path: { $0.text("/v1/batch") },
                body: {
                    $0.text(#"{"operations":["#)
                    for member in range {
                        $0.text(
                            member == range.lowerBound
                                ? #"{"op":"put","topic":"room-"# : #",{"op":"put","topic":"room-"#)
                        $0.number(number % self.topics)
                        $0.text(#"","key":"user-"#)
                        $0.number(member)
                        $0.text(#"","session":"one","ttl":"#)
                        $0.number(ttl)
                        $0.text(#","meta":{"name":"User "#)
                        $0.number(member)
                        $0.text(#"","status":"online"}}"#)
                    }
                    $0.text("]}")
                })
        }
    }

    private func path(_ number: Int, _ writer: RequestWriter) {
        writer.text("/v1/topics/room-")
        writer.number(number % topics)
        writer.text("/presences/user-")
        writer.number(number)
        writer.text("/one")
    }

    private func each(_ count: Int, _ write: @escaping (Int, RequestWriter) -> Void) throws(LoadError) {
        next = 0
        requests.next = { [self] _, writer in
            guard next < count else { return false }
            write(next, writer)
            next += 1
            return true
        }
        try requests.run(seconds: 120)
    }
}
