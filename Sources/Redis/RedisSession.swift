// Rollcall · Redis

/// What a handshake found out: the server, and how each script is called there.
struct RedisSession: Sendable {
    var server = RedisServerInfo(sections: [])
    var standing = RedisPermissions()
    /// Of the scripts that were loaded.
    var digests: [RedisScript: String] = [:]

    /// Makes the call of a script: by its digest, or with its text when the options did not list it.
    func command(_ script: RedisScript, keys: [RedisArgument], arguments: [RedisArgument]) -> RedisCommand {
        RedisCommand(digest: digests[script], source: script.source, keys: keys, arguments: arguments)
    }

    /// Makes the commands of an admission: what the user may do, then whether writes are taken.
    func commands(_ admission: RedisAdmission) -> [RedisCommand] {
        [
            command(admission.rights, keys: [], arguments: admission.arguments),
            command(admission.writing, keys: [], arguments: []),
        ]
    }
}
