// Rollcall · PresenceStore

package import Presence
import Redis

/// One call of the renew script: members of one topic with one ttl.
struct Renewal: Sendable {
    let topic: Topic
    /// Whole seconds.
    let lease: Int
    let members: [(member: Member, owner: StreamOwner)]
    /// Member and owner of each, as the script takes them.
    let arguments: [RedisArgument]
}

/// A lease that was not renewed.
package struct FailedRenewal: Hashable, Sendable {
    package enum Finding: Hashable, Sendable {
        /// The presence is gone.
        case missing
        /// It is there, but heartbeats keep it.
        case unowned
        /// It is there, and its grace runs: all streams that it knew have ended.
        case released
        /// It is bound to other streams.
        case foreign
    }

    package let member: Member
    /// The stream that wanted to renew it.
    package let owner: StreamOwner
    package let found: Finding
}
