// Rollcall · LoadGenerator

/// The streams that a ``StreamFleet`` opens, and the marker that it searches for.
public struct StreamOptions {
    public var count: Int
    public var port: UInt16
    public var path: StreamPath
    public var wire = StreamWire.events
    /// Further fields of each request, each with its line end.
    public var headers = ""
    /// Connects that may be pending at once.
    public var connecting = 256
    /// Source addresses 127.0.0.1…n; one has 28,000 ports.
    public var sources = 1
    /// The text that is counted in the data of states and diffs.
    public var marker = #""phx_ref":"#
    /// The marker is followed by nanoseconds of ``Clock``: the time at which the change was sent.
    public var markerIsTime = false
    /// Only the first marker of an event counts, because an update also has the old value.
    public var firstMarkerOnly = false
    /// A stream with so many markers is complete; a new state resets its count.
    public var target = Int.max
    /// Each stream keeps its last id, with which it resumes.
    public var remembersIDs = false
    /// An event of any kind is the first event of a stream; otherwise only a state or a diff is.
    public var beginsWithAny = false
    /// Every n-th stream stops reading once it is open; 0: none.
    public var slowEvery = 0
    /// The number of streams that go on reading.
    public var readers: Int { slowEvery == 0 ? count : count - (count + slowEvery - 1) / slowEvery }

    public init(count: Int, port: UInt16, path: StreamPath) {
        self.count = count
        self.port = port
        self.path = path
    }

    /// Measures latency from `"ts":` in each meta.
    public mutating func readTimes(firstOnly: Bool) {
        marker = #""ts":"#
        markerIsTime = true
        firstMarkerOnly = firstOnly
    }
}
