// Rollcall · PresenceStore

import Presence
import Redis

/// One call of the renew script: members of one topic with one ttl.
struct Renewal: Sendable {
    let topic: Topic
    /// Whole seconds.
    let lease: Int
    let members: [Member]
    /// Member and owner of each, as the script takes them.
    let arguments: [RedisArgument]
}

/// Why a lease was not renewed.
package enum RenewalFailure: Hashable, Sendable {
    /// The presence is gone.
    case missing
    /// It is there, but bound to no open stream.
    case unowned
    /// It is bound to another stream.
    case foreign
}
