// Rollcall · Redis

/// What a client of Redis may be told beside the address.
package struct RedisOptions: Sendable {
    /// How long Redis may be silent while a reply is due; then the connection is given up with everything that waits on
    /// it.
    ///
    /// A reply whose bytes keep coming may take 16 times as long.
    package var commandTimeout: Duration = .seconds(2)
    /// How long a connection may take to be ready: socket, TLS and handshake together.
    package var connectTimeout: Duration = .seconds(2)
    /// Commands that may wait on one connection; at the bound a command fails at once as `.unavailable`.
    package var maximumPending = 50_000
    /// Bytes of commands that may wait on one connection; at the bound a command fails at once as `.unavailable`.
    package var maximumPendingBytes = 64 << 20
    /// What one reply may hold; one that announces more closes its connection.
    package var replyLimits = RedisReplyLimits()
    package var backoff = RedisBackoff()
    /// The size of a pool.
    package var connections = 2
    /// Asked on each connection before it is offered, and each `admissionInterval`; nil asks nothing.
    package var admission: RedisAdmission?
    package var admissionInterval: Duration = .seconds(1)
    /// How often a connection to a read-only server is replaced by a new one, which may lead to the primary.
    package var readOnlyInterval: Duration = .seconds(2)
    /// How long Redis must take writes before a refusal of them counts as ended.
    package var troubleHold: Duration = .seconds(5)
    /// What messages call the address: the setting that it comes from.
    package var urlName = "the Redis URL"
    /// The name that `CLIENT LIST` shows.
    package var clientName = "rollcall"
    /// Loaded on each connection before it is offered.
    package var scripts: [RedisScript] = []
    package var tls = RedisTLS()
    /// A subscriber's probe: how often, and how late it may be before the connection is replaced.
    package var probeInterval: Duration = .seconds(5)
    package var probeTimeout: Duration = .seconds(10)
    /// What the channel of a probe starts with; a random part follows.
    package var probePrefix = "probe:"

    package init() {}
}
