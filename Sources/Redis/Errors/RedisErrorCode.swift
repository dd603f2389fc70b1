// Rollcall · Redis

extension RedisError {
    /// The kind of an error: up to `denied` the first word of an error reply, after it our own kinds.
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
        /// The server does not speak RESP2, or a reply is over the limits.
        case protocolViolation = "protocol violation"
        /// The command was not sent: no connection is up, or its outbox is full.
        case unavailable = "unavailable"
        /// TLS failed: a certificate does not fit, or the server does not speak TLS.
        case tls = "TLS"
        /// The server is not Redis.
        case notRedis = "not Redis"
        /// A Redis that Rollcall cannot work with: too old, in cluster mode, a Sentinel.
        case unsuitableServer = "unsuitable server"
        case tooManyClients = "too many clients"
        case noDatabase = "no such database"
        /// The settings cannot work, such as a malformed address or an unreadable certificate.
        case invalidSettings = "invalid settings"
    }
}
