// Rollcall · LoadGenerator

/// One keep-alive connection of a ``RequestFleet``.
struct RequestConnection {
    enum Phase { case idle, head, body }

    var socket: Int32 = -1
    var phase = Phase.idle
    var isChunked = false
    var chunks = ChunkDecoder()
    /// Missing bytes of the body, when it is not chunked.
    var left = 0
    var sentAt: UInt64 = 0
    var status = 0
    /// The part of a request that is not written yet.
    var unsent: [UInt8] = []
    /// The received part of a head.
    var head: [UInt8] = []
}
