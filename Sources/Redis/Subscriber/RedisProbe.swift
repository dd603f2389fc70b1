// Rollcall · Redis

import NIOCore

/// Decides whether messages still arrive, by probes: our own messages, published through another connection; pure.
struct RedisProbe: Sendable {
    let channel: ByteBuffer
    private let timeout: TimeAmount
    private var lastSent = 0
    private var lastReceived = 0
    /// The oldest published probe that has not arrived.
    private var missing: (number: Int, since: NIODeadline)?

    init(channel: String, timeout: TimeAmount) {
        self.channel = ByteBuffer(string: channel)
        self.timeout = timeout
    }

    /// Returns the number of the next probe.
    mutating func next() -> Int {
        lastSent += 1
        return lastSent
    }

    /// Notes a probe that Redis took or did not answer; a refused one proves nothing and is not noted.
    mutating func published(_ number: Int, at time: NIODeadline) {
        if missing == nil, number > lastReceived { missing = (number, time) }
    }

    mutating func received(_ payload: ByteBuffer) {
        guard let number = Int(String(buffer: payload)), number > lastReceived else { return }
        lastReceived = number
        if let missing, missing.number <= number { self.missing = nil }
    }

    /// Forgets all earlier probes, which a new connection does not receive.
    mutating func restart() {
        lastReceived = lastSent
        missing = nil
    }

    func isOverdue(at time: NIODeadline) -> Bool {
        guard let missing else { return false }
        return missing.since + timeout <= time
    }
}
