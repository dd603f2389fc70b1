// Rollcall · PresenceStore

package import Presence
import Redis

/// One call of the renew script: members of one topic with one ttl.
struct LeaseRenewal: Sendable {
    let topic: Topic
    /// Whole seconds.
    let lease: Int
    let members: [(member: Member, owner: StreamOwner)]
    /// Member and owner of each, as arguments of the script.
    let arguments: [RedisArgument]
}

/// A lease that was not renewed: the presence is missing, or the stream does not hold it.
package struct FailedLeaseRenewal: Hashable, Sendable {
    package let member: Member
    /// The stream for which the renewal was sent.
    package let owner: StreamOwner
}
