// Rollcall · bench

extension Suite {
    /// All suites, in the order in which they run.
    static var all: [Suite] {
        [fanOut, sockets, burst, writes, room, list, relay, topics, resume, slow, abuse, idle]
    }
}
