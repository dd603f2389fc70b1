// Rollcall · Redis

/// Makes errors from a server's refusals in a handshake, and names the setting that is wrong; pure.
struct RedisRefusals: Sendable {
    /// The setting that holds the address.
    let urlName: String
    let database: Int

    /// Returns the error for a refusal that ends a handshake at any step; nil for other errors.
    func end(after error: RedisError) -> RedisError? {
        switch error.code {
        case .denied:
            RedisError(
                .denied,
                "DENIED: Redis is in protected mode and takes connections from its own machine only; "
                    + "give it a password, or set protected-mode no")
        case .noAuth:
            RedisError(.noAuth, "NOAUTH: Redis wants a password, and \(urlName) has none")
        case .other where error.message.contains("max number of clients"):
            RedisError(.tooManyClients, "Redis has reached its maxclients")
        default:
            nil
        }
    }

    /// Keeps no text of the reply: Redis may repeat the arguments, and here they are the password.
    func authentication(_ error: RedisError) -> RedisError {
        if error.message.contains("without any password configured") {
            return RedisError(.wrongPassword, "Redis has no password for the default user, and \(urlName) has one")
        }
        let reason =
            switch error.code {
            case .wrongPassword: "WRONGPASS: Redis refuses the user or the password of \(urlName)"
            case .noPermission: "NOPERM: the user of \(urlName) may not use AUTH"
            default: "\(error.code.rawValue): Redis refused AUTH with the user and password of \(urlName)"
            }
        return RedisError(error.code == .other ? .wrongPassword : error.code, reason)
    }

    func selection(_ error: RedisError) -> RedisError {
        switch error.code {
        case .noPermission:
            RedisError(.noPermission, "NOPERM: the user of \(urlName) may not use SELECT")
        case .other where error.message.contains("cluster"):
            RedisServerInfo.clusterMode
        case .other:
            RedisError(.noDatabase, "Redis has no database \(database), which \(urlName) names: \(error.message)")
        default:
            error
        }
    }

    func script(_ script: RedisScript?, _ error: RedisError) -> RedisError {
        let message =
            error.code == .noPermission
            ? "NOPERM: the user of \(urlName) may not load and run scripts: \(error.message)"
            : "the script \(script?.name ?? "") was refused: \(error.message)"
        return RedisError(error.code, message)
    }
}
