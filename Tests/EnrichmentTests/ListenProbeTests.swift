// Rollcall · EnrichmentTests

import Presence
import Testing

@testable import Enrichment

@Suite("The probe of notifications")
struct ListenProbeTests {
    private let now = ContinuousClock.now

    @Test func `a probe that is heard in time changes nothing`() {
        var probe = ListenProbe()
        let payload = probe.begin(at: now)
        #expect(probe.heard("someone's key") == nil && probe.heard(payload) == nil)
        #expect(probe.advance(to: now + .seconds(60)) == nil && probe.fault == nil && probe.pause == .seconds(30))
    }

    @Test func `a probe that is not heard is news once, until one is heard`() {
        var probe = ListenProbe()
        let lost = probe.begin(at: now)
        #expect(probe.advance(to: now + .seconds(4)) == nil && probe.fault == nil)
        #expect(probe.advance(to: now + .seconds(5)) == .silent(reason: ListenProbe.silence))
        #expect(probe.fault == ListenProbe.silence && probe.pause == .seconds(5))
        #expect(probe.heard(lost) == nil, "it came too late to count")
        _ = probe.begin(at: now)
        #expect(probe.advance(to: now + .seconds(5)) == nil && probe.fault != nil)
        let payload = probe.begin(at: now)
        #expect(probe.heard(payload) == .audible && probe.fault == nil)
    }

    @Test func `a refused probe is news, one that could not be sent is none`() {
        var probe = ListenProbe()
        _ = probe.begin(at: now)
        probe.abandon()
        #expect(probe.advance(to: now + .seconds(9)) == nil && probe.fault == nil)
        _ = probe.begin(at: now)
        #expect(probe.refused("read-only") == .silent(reason: "a NOTIFY was refused: read-only"))
        #expect(probe.refused("read-only") == nil && probe.fault != nil)
    }

    @Test func `no key is taken for a probe, and no probe for a key`() {
        var probe = ListenProbe()
        let payload = probe.begin(at: now)
        #expect(ListenProbe.isProbe(payload) && Key(utf8: payload.utf8) == nil)
        #expect(!ListenProbe.isProbe("rollcall-probe-1"))
        #expect(payload != probe.begin(at: now))
    }

    @Test func `an error that does not pass is tried again less often`() {
        var attempts = ListenerAttempts()
        #expect(attempts.pause(lived: .zero, isPermanent: true, jitter: 1).pause == .seconds(5))
        #expect(attempts.pause(lived: .zero, jitter: 1).pause == .milliseconds(100))
    }
}
