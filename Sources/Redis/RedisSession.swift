// Rollcall · Redis

/// The result of a handshake: the server, what it permits, and the digests of the scripts.
struct RedisSession: Sendable {
    var server = RedisServerInfo(sections: [])
    var standing = RedisPermissions()
    /// The digests of the loaded scripts.
    var digests: [RedisScript: String] = [:]

    /// Makes the call of a script: by its digest, or with its text when it was not loaded.
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
