// Rollcall · Redis

import NIOCore

/// Judges whether messages still come, by messages of our own that are published through another connection; pure.
struct RedisProbe: Sendable {
    let channel: ByteBuffer
    private let timeout: TimeAmount
    private var lastSent = 0
    private var lastReceived = 0
    /// The oldest probe that Redis took and that did not come.
    private var missing: (number: Int, since: NIODeadline)?

    init(channel: String, timeout: TimeAmount) {
        self.channel = ByteBuffer(string: channel)
        self.timeout = timeout
    }

    /// Gives the number to publish.
    mutating func next() -> Int {
        lastSent += 1
        return lastSent
    }

    /// Notes that Redis took a probe, or hangs; one that it refused proves nothing about the subscriber.
    mutating func published(_ number: Int, at time: NIODeadline) {
        if missing == nil, number > lastReceived { missing = (number, time) }
    }

    mutating func received(_ payload: ByteBuffer) {
        guard let number = Int(String(buffer: payload)), number > lastReceived else { return }
        lastReceived = number
        if let missing, missing.number <= number { self.missing = nil }
    }

    /// Forgets what was missing: a new connection has nothing to prove yet.
    mutating func restart() {
        lastReceived = lastSent
        missing = nil
    }

    func isOverdue(at time: NIODeadline) -> Bool {
        guard let missing else { return false }
        return missing.since + timeout <= time
    }
}
