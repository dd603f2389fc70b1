// Rollcall · Redis

/// What a handshake found out: the server, and how each script is called there.
struct RedisSession: Sendable {
    struct LoadedScript: Sendable {
        let digest: String
        let source: [UInt8]
    }

    var server = RedisServerInfo(sections: [])
    var scripts: [RedisScript: LoadedScript] = [:]

    /// Makes the call of a script: by its digest, or with its text when the options did not list it.
    func command(_ script: RedisScript, keys: [RedisArgument], arguments: [RedisArgument]) -> RedisCommand {
        guard let loaded = scripts[script] else {
            let source = script.source(majorVersion: server.majorVersion)
            return RedisCommand(digest: nil, source: source, keys: keys, arguments: arguments)
        }
        return RedisCommand(digest: loaded.digest, source: loaded.source, keys: keys, arguments: arguments)
    }
}
