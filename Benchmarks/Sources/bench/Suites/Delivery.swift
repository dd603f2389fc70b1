// Rollcall · bench

import LoadGenerator

/// The events that subscribers of one wire received, and their costs.
struct Delivery {
    private var events = 0
    private var connections = 0
    private var latency = Histogram()
    /// The growth of the server's memory.
    private var bytes = 0
    private(set) var spent = Spent()

    init() {}

    /// Starts a server, opens its subscribers, and tracks and untracks one presence in turn.
    init(to size: Int, over wire: StreamWire, _ setting: Setting) throws(LoadError) {
        let service = try setting.launcher.start(.rollcall)
        defer { service.end() }
        let bytesBefore = ProcessAccount.bytes(service.pids)
        let room = try Room(size, of: service, wires: [wire], untracks: true)
        defer { room.close() }
        try room.publishOneByOne(setting.repetitions(5))
        room.streams.clearCounts()
        let count = setting.repetitions(min(100, max(20, 200_000 / size)))
        spent = try room.publishOneByOne(count)
        events = count * size
        connections = size
        latency = room.streams.latency
        bytes = ProcessAccount.bytes(service.pids) - bytesBefore
    }

    static func += (sum: inout Delivery, more: Delivery) {
        sum.events += more.events
        sum.connections += more.connections
        sum.latency += more.latency
        sum.bytes += more.bytes
        sum.spent += more.spent
    }

    var eventsPerSecond: Double { Double(events) / spent.seconds }
    /// Microseconds of server CPU.
    var costPerEvent: Double { spent.server / Double(events) * 1e6 }
    var kilobytesPerConnection: Double { Double(bytes) / Double(connections) / 1024 }

    func milliseconds(_ part: Double) -> Double { latency.milliseconds(part) }
}
