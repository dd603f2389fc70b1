// Rollcall · PresenceServer

import Access
import Basics
import Foundation
import NIOCore

/// The streams of one event loop that are open, or that are still tracking a presence.
actor StreamLoop {
    private nonisolated let loop: any EventLoop
    private let interval: TimeAmount
    /// Streams in slots; each `interval`, about 1 s, the streams of one slot are pinged, so that pings spread evenly.
    private var slots: [[ObjectIdentifier: OpenStream]]
    private var slotOf: [ObjectIdentifier: Int] = [:]
    private var nextSlot = 0
    /// The next steps of credentials that end.
    ///
    /// A timer of the loop for each one could be cancelled only by a search through all timers.
    private var credentialTimes = Deadlines<ObjectIdentifier>()
    /// The next steps of sockets, in seconds of the clock of ``NIODeadline``.
    ///
    /// What a client sends can only postpone its step. A step that comes too early only finds the next time.
    private var socketTimes = Deadlines<ObjectIdentifier>()
    private var ticks: RepeatedTask?
    private var isDraining = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    init(loop: any EventLoop, options: StreamOptions) {
        self.loop = loop
        let count = max(1, Int(options.pingInterval.nanoseconds / 1_000_000_000))
        interval = .nanoseconds(options.pingInterval.nanoseconds / Int64(count))
        slots = Array(repeating: [:], count: count)
    }

    func add(_ stream: OpenStream) {
        if isDraining { return stream.drain() }
        // The first ping of a stream comes one whole round later.
        let slot = (nextSlot + slots.count - 1) % slots.count
        slots[slot][stream.id] = stream
        slotOf[stream.id] = slot
        setCredentialTime(of: stream)
        passDeadline(of: stream)
        if ticks == nil {
            ticks = loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
                self.assumeIsolated {
                    $0.pingNextSlot()
                    $0.passCredentialTimes()
                    $0.passSocketTimes()
                }
            }
        }
    }

    func remove(_ stream: OpenStream) {
        guard let slot = slotOf.removeValue(forKey: stream.id) else { return }
        slots[slot][stream.id] = nil
        credentialTimes.remove(stream.id)
        socketTimes.remove(stream.id)
        if slotOf.isEmpty {
            ticks?.cancel()
            ticks = nil
        }
    }

    /// Ends the streams of credentials with a key that is retired.
    func endUnlessHeld(by credentials: Credentials) {
        for stream in slots.flatMap(\.values) { stream.endUnlessHeld(by: credentials) }
    }

    /// Ends the streams that revocations refuse.
    func end(refusedBy revocations: Revocations) {
        let now = Date().timeIntervalSince1970
        for stream in slots.flatMap(\.values) { stream.end(refusedBy: revocations, at: now) }
    }

    /// Ends all streams, spread over `time`, and later ones at once; returns when the connections are closed.
    func drain(over time: TimeAmount) async {
        isDraining = true
        let streams = slots.flatMap(\.values).shuffled()
        let closed = streams.compactMap { $0.closed }
        let step = TimeAmount.milliseconds(50)
        let steps = max(1, Int(time.nanoseconds / step.nanoseconds))
        let share = max(1, (streams.count + steps - 1) / steps)
        var next = ContinuousClock.now
        for start in stride(from: 0, to: streams.count, by: share) {
            for stream in streams[start..<min(start + share, streams.count)] { stream.drain() }
            next += .nanoseconds(step.nanoseconds)
            try? await Task.sleep(until: next)
        }
        try? await EventLoopFuture.andAllComplete(closed, on: loop).get()
        // A presence that has just been tracked must have its lease and its grace before the lease keeper stops.
        for stream in streams { await stream.settled() }
    }

    private func setCredentialTime(of stream: OpenStream) {
        guard let time = stream.nextCredentialTime else { return }
        credentialTimes.set(stream.id, at: time)
    }

    private func passCredentialTimes() {
        for id in credentialTimes.take(at: Date().timeIntervalSince1970) {
            guard let slot = slotOf[id], let stream = slots[slot][id] else { continue }
            stream.passCredentialTime()
            setCredentialTime(of: stream)
        }
    }

    private func passSocketTimes() {
        for id in socketTimes.take(at: Self.seconds(of: .now())) {
            guard let slot = slotOf[id], let stream = slots[slot][id] else { continue }
            passDeadline(of: stream)
        }
    }

    private func passDeadline(of stream: OpenStream) {
        guard let next = stream.passDeadline(at: .now()) else { return }
        socketTimes.set(stream.id, at: Self.seconds(of: next))
    }

    private static func seconds(of time: NIODeadline) -> Double { Double(time.uptimeNanoseconds) / 1e9 }

    private func pingNextSlot() {
        for stream in slots[nextSlot].values { stream.ping() }
        nextSlot = (nextSlot + 1) % slots.count
    }
}
