// Rollcall · LoadGenerator

/// The events and faults of a ``StreamFleet``.
public struct StreamCounters: CustomStringConvertible {
    public var opened = 0
    public var failed = 0
    public var closed = 0
    public var states = 0
    public var diffs = 0
    /// Other events: tracked, ping and so on.
    public var others = 0
    public var markers = 0
    public var bytes = 0
    /// Streams that have reached the target.
    public var complete = 0
    /// Streams that have had a first event since they were opened.
    public var begun = 0
    public var lastEventAt: UInt64 = 0
    public var connecting = 0
    /// The first status of a refusal.
    public var badStatus = 0
    /// The reason of the first failure.
    public var firstFault: String?
    /// The text of the first diff with leaves.
    public var firstLeave: String?
    /// Diffs with leaves.
    public var leaves = 0

    public var description: String {
        "\(opened) open, \(connecting) connecting, \(failed) failed, \(closed) closed, \(begun) with an event"
            + (badStatus == 0 ? "" : ", status \(badStatus)") + (firstFault.map { ", first fault: \($0)" } ?? "")
    }
}
