// Rollcall · LoadGenerator

/// One connection of a ``StreamFleet``, kept small and in place.
struct StreamConnection {
    enum Phase: UInt8 { case idle, connecting, head, body, closed }
    /// The event of a line; an event without a name counts as a diff, because plain fan-out servers send such events.
    enum Kind: UInt8 { case diff, state, other }
    /// The part of an incomplete line or message at which the input ended.
    enum Line: UInt8 { case start, data, ignored }

    static let carried = 64
    static let idSize = 96

    var socket: Int32 = -1
    var phase = Phase.idle
    var isChunked = false
    var chunks = ChunkDecoder()
    var frames = FrameDecoder()
    var line = Line.start
    var kind = Kind.diff
    var hasData = false
    var hasMarker = false
    var isComplete = false
    /// The next event is the first one since the stream was opened, or opened again.
    var awaitsFirst = true
    var carry: UInt8 = 0
    var idCount: UInt8 = 0
    /// Markers since the last state.
    var seen = 0
    var openedAt: UInt64 = 0
}
