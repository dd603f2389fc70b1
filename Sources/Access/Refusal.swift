// Rollcall · Access

/// The reason why a request is not allowed.
package enum Refusal: Error, Hashable, Sendable {
    /// No credential came, or one that is not valid; `detail` says what is wrong with it, and is nil if none came.
    case unauthenticated(detail: String?)
    /// The credential lacks a right.
    case forbidden(MissingRight)
    /// So many credentials from the address were not valid that no further signature is checked now.
    case tooManyFailures(RateStanding, ClientAddress)
    /// The key was removed from the topic, and may come back in so many seconds.
    case removed(topic: String, seconds: Int)
}

/// A right that a credential lacks, and where.
package struct MissingRight: Hashable, Sendable {
    /// The names for which a right is missing.
    package enum Scope: Hashable, Sendable {
        case topic(String)
        case topicPrefix(String)
        /// No topic has the right.
        case anyTopic
        /// A service right has no names.
        case service
    }

    /// The word of the least right that would do, such as `see:keys`.
    package let right: String
    package let scope: Scope

    package init(_ right: String, _ scope: Scope) {
        self.right = right
        self.scope = scope
    }
}
