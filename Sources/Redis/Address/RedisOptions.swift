// Rollcall · Redis

package import Basics

/// The settings of a client of Redis beside the address.
package struct RedisOptions: Sendable {
    /// How long Redis may be silent while a reply is due.
    ///
    /// Then the connection is closed, and all its waiting commands fail. A reply with bytes that keep arriving may take
    /// 16 times as long.
    package var commandTimeout: Duration = .seconds(2)
    /// How long a connection may take to be ready: socket, TLS and handshake together.
    package var connectTimeout: Duration = .seconds(2)
    /// Commands that may wait on one connection; at the bound a command fails at once as `.unavailable`.
    package var maximumPending = 50_000
    /// Bytes of commands that may wait on one connection; at the bound a command fails at once as `.unavailable`.
    package var maximumPendingBytes = 64 << 20
    /// The limits of one reply; a reply that announces more closes its connection.
    package var replyLimits = RedisReplyLimits()
    /// The pauses between attempts to connect.
    package var backoff = Backoff(first: .milliseconds(50), longest: .seconds(1), permanent: .seconds(3))
    /// The number of connections of a pool.
    package var connections = 2
    /// Runs on each connection before it is offered, and each `admissionInterval`; nil checks nothing.
    package var admission: RedisAdmission?
    package var admissionInterval: Duration = .seconds(1)
    /// How often a connection to a read-only server is replaced by a new one, which may lead to the primary.
    package var readOnlyInterval: Duration = .seconds(2)
    /// How long Redis must take writes before a refusal of them counts as ended.
    package var troubleHold: Duration = .seconds(5)
    /// The name of the address in messages: the setting that it comes from.
    package var urlName = "the Redis URL"
    /// The name that `CLIENT LIST` shows.
    package var clientName = "rollcall"
    /// Loaded on each connection before it is offered.
    package var scripts: [RedisScript] = []
    package var tls = RedisTLS()
    /// How often a subscriber's probe is published.
    package var probeInterval: Duration = .seconds(5)
    /// How late a probe may be before the subscriber's connection is replaced.
    package var probeTimeout: Duration = .seconds(10)
    /// The prefix of a probe's channel; a random part follows.
    package var probePrefix = "probe:"

    package init() {}
}
