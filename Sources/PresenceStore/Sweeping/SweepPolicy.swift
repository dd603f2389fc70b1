// Rollcall · PresenceStore

package import PresenceModel

/// The times of ticks, holds, sweeps and audits, and how much one of them does.
package struct SweepPolicy: Hashable, Sendable {
    /// A longer time between two ticks of a bucket is a tick gap: in it no node may have been able to renew.
    package var gap: Duration = .seconds(3)
    /// The shortest hold after a tick gap.
    package var leastHold: Duration = .seconds(10)
    /// The longest hold after a tick gap, and the longest lease.
    package var longestLease: Duration
    /// The hold after a new run_id, a clock that went back, or a first tick that finds a lease over.
    package var defaultLease: Duration
    /// How often a node ticks its own buckets, and how long a round of sweeps lasts at most; well under the tick gap.
    package var interval: Duration = .seconds(1)
    /// How often a node ticks the buckets of others, in case those are gone; under the tick gap.
    package var backupInterval: Duration = .milliseconds(2500)
    /// How long a node counts as live after it was last seen.
    package var nodeTimeout: Duration = .seconds(3)
    /// How often a topic is audited.
    package var auditInterval: Duration = .seconds(60)
    /// The most topics that a tick lists as due; the next tick lists the rest, at once if the round is not over.
    package var topicsPerTick = 500
    /// The most members that a sweep removes, 1000 at most; the next sweep removes the rest, at once.
    package var membersPerSweep = 1000

    package init(limits: Limits = Limits()) {
        longestLease = .seconds(max(limits.ttl.upperBound, limits.grace.upperBound))
        defaultLease = .seconds(limits.defaultTTL)
    }
}
