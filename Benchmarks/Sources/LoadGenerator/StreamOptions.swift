// Rollcall · LoadGenerator

/// What a ``StreamFleet`` opens and what it looks for.
public struct StreamOptions {
    public var count: Int
    public var port: UInt16
    public var path: StreamPath
    /// Connects that may be under way at once.
    public var connecting = 256
    /// Source addresses 127.0.0.1…n; one has 28,000 ports.
    public var sources = 1
    /// Bytes counted in the data of states and diffs.
    public var marker = #""phx_ref":"#
    /// The marker is followed by nanoseconds of ``Clock``: when what is told of was sent.
    public var markerIsTime = false
    /// Only the first marker of an event counts: an update tells the old value as well.
    public var firstMarkerOnly = false
    /// A stream that has seen so many markers is complete; a new state begins the count anew.
    public var target = Int.max
    /// Each stream remembers the last id, to resume by.
    public var remembersIDs = false
    /// A stream has begun with its first event of any kind, not with a state or diff alone.
    public var beginsWithAny = false
    /// Every so many-th stream stops reading once it is open; 0: none.
    public var slowEvery = 0
    /// Streams that go on reading.
    public var readers: Int { slowEvery == 0 ? count : count - (count + slowEvery - 1) / slowEvery }

    public init(count: Int, port: UInt16, path: StreamPath) {
        self.count = count
        self.port = port
        self.path = path
    }

    /// Latency from `"ts":` in each meta.
    public mutating func readTimes(firstOnly: Bool) {
        marker = #""ts":"#
        markerIsTime = true
        firstMarkerOnly = firstOnly
    }
}
