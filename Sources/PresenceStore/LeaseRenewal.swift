// Rollcall · PresenceStore

package import Presence
import Redis

/// One call of the renew script: members of one topic with one ttl.
struct LeaseRenewal: Sendable {
    let topic: Topic
    /// Whole seconds.
    let lease: Int
    let members: [(member: Member, owner: StreamOwner)]
    /// Member and owner of each, as the script takes them.
    let arguments: [RedisArgument]
}

/// A lease that was not renewed: the presence is gone, or that stream does not hold it.
package struct FailedLeaseRenewal: Hashable, Sendable {
    package let member: Member
    /// The stream that wanted to renew it.
    package let owner: StreamOwner
}
