// Rollcall · Redis

/// Two scripts that find out what Redis permits to the user of a connection; neither changes anything.
///
/// Both run on each connection before it is offered, and again from time to time.
package struct RedisAdmission: Sendable {
    /// Replies with the names of what is missing; it is one that a Redis which refuses writes runs.
    package let rights: RedisScript
    package let arguments: [RedisArgument]
    /// A script that might write: Redis runs it only where it would take a write.
    package let writing: RedisScript

    package init(rights: RedisScript, arguments: [RedisArgument], writing: RedisScript) {
        self.rights = rights
        self.arguments = arguments
        self.writing = writing
    }
}
