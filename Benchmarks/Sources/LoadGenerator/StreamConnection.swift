// Rollcall · LoadGenerator

/// One connection of a ``StreamFleet``, kept small and in place.
struct StreamConnection {
    enum Phase: UInt8 { case idle, connecting, head, body, closed }
    /// Which event a line belongs to: one without a name is a diff, as plain fan-out servers send.
    enum Kind: UInt8 { case diff, state, other }
    /// Where in a line that has begun the input ended.
    enum Line: UInt8 { case start, data, ignored }

    static let carried = 64
    static let idSize = 96

    var socket: Int32 = -1
    var phase = Phase.idle
    var isChunked = false
    var chunks = ChunkDecoder()
    var line = Line.start
    var kind = Kind.diff
    var hasData = false
    var hasMarker = false
    var isComplete = false
    /// Opened again after it was closed: the next state or diff is its first.
    var awaitsFirst = true
    var carry: UInt8 = 0
    var idCount: UInt8 = 0
    /// Markers since the last state.
    var seen = 0
    var openedAt: UInt64 = 0
}
