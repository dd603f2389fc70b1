// Rollcall · Redis

extension RedisError {
    /// What went wrong, told by the first word of an error reply; the lower-case ones are our own.
    package enum Code: String, Hashable, Sendable, CaseIterable {
        case loading = "LOADING"
        case busy = "BUSY"
        case busyKey = "BUSYKEY"
        case tryAgain = "TRYAGAIN"
        case clusterDown = "CLUSTERDOWN"
        case masterDown = "MASTERDOWN"
        case readOnly = "READONLY"
        case noAuth = "NOAUTH"
        case wrongPassword = "WRONGPASS"
        case noPermission = "NOPERM"
        case outOfMemory = "OOM"
        case cannotPersist = "MISCONF"
        case noReplicas = "NOREPLICAS"
        case noScript = "NOSCRIPT"
        case moved = "MOVED"
        case ask = "ASK"
        case crossSlot = "CROSSSLOT"
        case transactionAborted = "EXECABORT"
        case wrongType = "WRONGTYPE"
        /// Protected mode: this server takes connections from its own machine only.
        case denied = "DENIED"

        /// Any other error reply.
        case other = "error reply"
        /// The connection ended before the reply came.
        case disconnected = "disconnected"
        /// The reply did not come in time.
        case timeout = "timeout"
        /// The other side does not speak RESP2, or a reply passes the limits.
        case protocolViolation = "protocol violation"
        /// Nothing was sent: no connection is up, or the one at hand is full.
        case unavailable = "unavailable"
        /// TLS cannot be agreed on: a certificate does not fit, or the other side speaks none.
        case tls = "TLS"
        /// Something else than Redis answers.
        case notRedis = "not Redis"
        /// A Redis that Rollcall cannot work with: too old, in cluster mode, a Sentinel.
        case unsuitableServer = "unsuitable server"
        case tooManyClients = "too many clients"
        case noDatabase = "no such database"
        /// The settings cannot work: an address that is none, a certificate that cannot be read.
        case invalidSettings = "invalid settings"
    }

    /// What a client does about an error.
    package enum Remedy: Hashable, Sendable {
        /// Redis is up, and for now will not do this: the command again, after a pause.
        case pause
        /// This server is not, or no longer, the one to talk to: another connection, then the command again.
        case reconnect
        /// Redis refuses what needs memory, disk or replicas: shed such writes, go on with the others, alarm.
        case shed
        /// Credentials, permissions or the server itself: only an operator can help, so try again slowly.
        case credentials
        /// The script is to be sent with the command.
        case sendScript
        /// A cluster's redirection, which this client does not follow.
        case redirect
        /// Nobody knows whether the command was executed; repeat it if it is idempotent.
        case unknownOutcome
        /// The command itself is wrong.
        case fix

        package var isTransient: Bool {
            switch self {
            case .pause, .reconnect, .shed, .unknownOutcome: true
            case .credentials, .sendScript, .redirect, .fix: false
            }
        }
    }
}

extension RedisError.Code {
    /// The one table of what each error means for the client.
    package var remedy: RedisError.Remedy {
        switch self {
        case .loading, .busy, .tryAgain, .clusterDown, .unavailable, .tooManyClients: .pause
        case .readOnly, .masterDown, .noAuth: .reconnect
        case .outOfMemory, .cannotPersist, .noReplicas: .shed
        case .wrongPassword, .noPermission, .denied, .tls, .notRedis, .unsuitableServer, .noDatabase: .credentials
        case .noScript: .sendScript
        case .moved, .ask: .redirect
        case .disconnected, .timeout, .protocolViolation: .unknownOutcome
        case .busyKey, .crossSlot, .transactionAborted, .wrongType, .other, .invalidSettings: .fix
        }
    }
}
