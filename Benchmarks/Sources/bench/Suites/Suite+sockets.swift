// Rollcall · bench

import LoadGenerator

extension Suite {
    /// Phoenix sockets that observe a topic, compared with streams that do.
    static let sockets = Suite(
        name: "sockets", title: "One diff at a time to Phoenix sockets, and to as many streams", unit: "subscribers",
        sizes: [10_000], subjects: [.rollcall], headline: "server µs/event × stream", moreIsBetter: false,
        growth: ["server µs/event, sockets"], scalingBase: 1_250
    ) { subject, size, setting throws(LoadError) in
        let socket = StreamWire.socket(topic: "room")
        var (toSockets, toStreams) = (Delivery(), Delivery())
        // In both orders, because the load of the machine changes.
        toStreams += try Delivery(to: size, over: .events, setting)
        toSockets += try Delivery(to: size, over: socket, setting)
        toSockets += try Delivery(to: size, over: socket, setting)
        toStreams += try Delivery(to: size, over: .events, setting)

        var figures = Figures()
        for (name, delivery) in [("sockets", toSockets), ("streams", toStreams)] {
            figures["events/s, \(name)"] = delivery.eventsPerSecond
            figures["server µs/event, \(name)"] = delivery.costPerEvent
            figures["p50 ms, \(name)"] = delivery.milliseconds(0.5)
            figures["p99 ms, \(name)"] = delivery.milliseconds(0.99)
            figures["KB each, \(name)"] = delivery.kilobytesPerConnection
        }
        figures["events/s × stream"] = toSockets.eventsPerSecond / toStreams.eventsPerSecond
        figures["server µs/event × stream"] = toSockets.costPerEvent / toStreams.costPerEvent
        if toStreams.kilobytesPerConnection > 0 {
            figures["KB × stream"] = toSockets.kilobytesPerConnection / toStreams.kilobytesPerConnection
        }

        let service = try setting.launcher.start(subject)
        defer { service.end() }
        let room = try Room(max(1, size / 10), of: service, wires: [.events, socket], untracks: true)
        defer { room.close() }
        try room.publishOneByOne(setting.repetitions(10))
        for fleet in room.fleets { fleet.clearCounts() }
        var spent = try room.publishOneByOne(setting.repetitions(100))
        for (name, fleet) in zip(["streams", "sockets"], room.fleets) {
            figures["p99 ms together, \(name)"] = fleet.latency.milliseconds(0.99)
        }
        spent += toStreams.spent
        spent += toSockets.spent
        figures.add(spent)
        return figures
    }
}
