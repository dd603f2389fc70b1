// Rollcall · PresenceStore

package import Presence

/// When leases may be taken to be over, and how much is done at once.
package struct SweepPolicy: Hashable, Sendable {
    /// A longer pause between two ticks of a bucket holds expiry: in it, nobody may have been able to renew.
    package var gap: Duration = .seconds(3)
    /// How long a gap holds expiry at least.
    package var leastHold: Duration = .seconds(10)
    /// How long a gap holds expiry at most, and what no deadline lies beyond.
    package var longestLease: Duration
    /// How long a new run_id or a clock that went back holds expiry.
    package var defaultLease: Duration
    /// How often the owner of a bucket ticks it, and how long a round of sweeps lasts at most; well under the gap.
    package var interval: Duration = .seconds(1)
    /// How often everybody else does, should the owner be gone; under the gap.
    package var backupInterval: Duration = .milliseconds(2500)
    /// How long after it was last seen a node is taken to live.
    package var nodeTimeout: Duration = .seconds(3)
    /// How often a topic is looked at for leases without members and members without leases.
    package var auditInterval: Duration = .seconds(60)
    /// Topics that a tick lists as due; what is beyond comes with the next, at once if the round is not over.
    package var topicsPerTick = 500
    /// Members that a sweep removes, at most 1000; what is beyond comes with the next, at once.
    package var membersPerSweep = 1000

    package init(limits: Limits = Limits()) {
        longestLease = .seconds(max(limits.ttl.upperBound, limits.grace.upperBound))
        defaultLease = .seconds(limits.defaultTTL)
    }
}

extension Duration {
    var milliseconds: Int {
        Int(components.seconds) * 1000 + Int(components.attoseconds / 1_000_000_000_000_000)
    }
}
