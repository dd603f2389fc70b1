// Rollcall · Redis

/// Two scripts that find out what Redis permits to the user of a connection; neither changes anything.
///
/// Both run on each connection before it is offered, and again each `RedisOptions.admissionInterval`.
package struct RedisAdmission: Sendable {
    /// Replies with the names of the missing rights; a script that Redis runs also while it refuses writes.
    package let rights: RedisScript
    package let arguments: [RedisArgument]
    /// A script that Redis takes for a writing one, so that Redis runs it only while it takes writes.
    package let writing: RedisScript

    package init(rights: RedisScript, arguments: [RedisArgument], writing: RedisScript) {
        self.rights = rights
        self.arguments = arguments
        self.writing = writing
    }
}
