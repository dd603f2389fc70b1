// Rollcall · PresenceServer

import NIOCore

/// The open streams of one event loop.
actor StreamLoop {
    private nonisolated let loop: any EventLoop
    private let interval: TimeAmount
    /// Streams by the tick that pings them, so that a tick writes to a fair share of them only.
    private var slots: [[ObjectIdentifier: EventStream]]
    private var slotOf: [ObjectIdentifier: Int] = [:]
    private var nextSlot = 0
    private var ticks: RepeatedTask?
    private var isDraining = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    init(loop: any EventLoop, options: StreamOptions) {
        self.loop = loop
        let count = max(1, Int(options.ping.nanoseconds / 1_000_000_000))
        interval = .nanoseconds(options.ping.nanoseconds / Int64(count))
        slots = Array(repeating: [:], count: count)
    }

    func add(_ stream: EventStream) {
        if isDraining { return stream.assumeIsolated { $0.end(.draining) } }
        // A stream's first ping comes one whole round later.
        let slot = (nextSlot + slots.count - 1) % slots.count
        slots[slot][ObjectIdentifier(stream)] = stream
        slotOf[ObjectIdentifier(stream)] = slot
        if ticks == nil {
            ticks = loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
                self.assumeIsolated { $0.tick() }
            }
        }
    }

    func remove(_ stream: EventStream) {
        guard let slot = slotOf.removeValue(forKey: ObjectIdentifier(stream)) else { return }
        slots[slot][ObjectIdentifier(stream)] = nil
        if slotOf.isEmpty {
            ticks?.cancel()
            ticks = nil
        }
    }

    /// Ends all streams, and from here on every new one at once; returns when their connections are closed.
    func drain(over time: TimeAmount) async {
        isDraining = true
        let streams = slots.flatMap(\.values).shuffled()
        let closed = streams.compactMap { stream in stream.assumeIsolated { $0.closed } }
        let step = TimeAmount.milliseconds(50)
        let steps = max(1, Int(time.nanoseconds / step.nanoseconds))
        let share = max(1, (streams.count + steps - 1) / steps)
        var next = ContinuousClock.now
        for start in stride(from: 0, to: streams.count, by: share) {
            end(streams[start..<min(start + share, streams.count)])
            next += .nanoseconds(step.nanoseconds)
            try? await Task.sleep(until: next)
        }
        try? await EventLoopFuture.andAllComplete(closed, on: loop).get()
        // What has just been tracked is to have its lease, and its grace, before the lease keeper is told to stop.
        for stream in streams { await stream.tracking?.value }
    }

    private func end(_ streams: ArraySlice<EventStream>) {
        for stream in streams { stream.assumeIsolated { $0.end(.draining) } }
    }

    private func tick() {
        for stream in slots[nextSlot].values { stream.assumeIsolated { $0.ping() } }
        nextSlot = (nextSlot + 1) % slots.count
    }
}
