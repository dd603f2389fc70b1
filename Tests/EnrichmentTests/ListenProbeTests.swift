// Rollcall · EnrichmentTests

import PresenceModel
import Testing

@testable import Enrichment

@Suite("The probe of notifications")
struct ListenProbeTests {
    private let now = ContinuousClock.now

    @Test func `A probe that arrives in time changes nothing`() {
        var probe = ListenProbe()
        let payload = probe.begin(at: now)
        #expect(probe.receive("a key") == nil && probe.receive(payload) == nil)
        #expect(probe.advance(to: now + .seconds(60)) == nil && probe.fault == nil && probe.pause == .seconds(30))
    }

    @Test func `A probe that does not arrive is reported once, until one arrives`() {
        var probe = ListenProbe()
        let lost = probe.begin(at: now)
        #expect(probe.advance(to: now + .seconds(4)) == nil && probe.fault == nil)
        #expect(probe.advance(to: now + .seconds(5)) == .failed(reason: ListenProbe.timeoutReason))
        #expect(probe.fault == ListenProbe.timeoutReason && probe.pause == .seconds(5))
        #expect(probe.receive(lost) == nil, "it came too late to count")
        _ = probe.begin(at: now)
        #expect(probe.advance(to: now + .seconds(5)) == nil && probe.fault != nil)
        let payload = probe.begin(at: now)
        #expect(probe.receive(payload) == .recovered && probe.fault == nil)
    }

    @Test func `A refused probe is reported, and a probe that could not be sent is not`() {
        var probe = ListenProbe()
        _ = probe.begin(at: now)
        probe.abandon()
        #expect(probe.advance(to: now + .seconds(9)) == nil && probe.fault == nil)
        _ = probe.begin(at: now)
        #expect(probe.refuse("read-only") == .failed(reason: "a NOTIFY was refused: read-only"))
        #expect(probe.refuse("read-only") == nil && probe.fault != nil)
    }

    @Test func `A key is never a probe, and a probe is never a key`() {
        var probe = ListenProbe()
        let payload = probe.begin(at: now)
        #expect(ListenProbe.isProbe(payload) && Key(utf8: payload.utf8) == nil)
        #expect(!ListenProbe.isProbe("rollcall-probe-1"))
        #expect(payload != probe.begin(at: now))
    }

    @Test func `After a permanent error the next attempt comes later`() {
        var attempts = ListenerAttempts()
        #expect(attempts.pause(lived: .zero, isPermanent: true, jitter: 1).pause == .seconds(5))
        #expect(attempts.pause(lived: .zero, jitter: 1).pause == .milliseconds(100))
    }
}
