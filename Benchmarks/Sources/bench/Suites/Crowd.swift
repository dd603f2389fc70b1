// Rollcall · bench

import LoadGenerator

/// Streams that are presences, on one topic or on many.
final class Crowd {
    static let path = "/v1/topics/room-{t}/events?key=user-{i}&session=s{i}&meta=%7B%22name%22:%22User%20{i}%22%7D"

    let reactor = Reactor()
    let streams: StreamFleet
    private let size: Int

    /// A stream is complete when it has seen all presences of its topic.
    init(_ size: Int, topics: Int, port: UInt16, resumes: Bool = false) {
        self.size = size
        var options = StreamOptions(count: size, port: port, path: StreamPath(Self.path, topics: topics))
        options.connecting = 1024
        options.target = size / topics
        options.sources = 1 + size / 20_000
        options.remembersIDs = resumes
        options.beginsWithAny = resumes
        streams = StreamFleet(options, on: reactor)
    }

    func close() {
        streams.close()
    }

    /// All clients join at once; returns when each has seen all of its topic.
    func join(seconds: Double) throws(LoadError) {
        let isSeen = try reactor.run(seconds: seconds) {
            streams.ramp()
            return streams.counters.complete == size
        }
        let counters = streams.counters
        guard isSeen else {
            throw LoadError("\(counters.complete) of \(size) streams are complete after \(Int(seconds)) s: \(counters)")
        }
    }
}
