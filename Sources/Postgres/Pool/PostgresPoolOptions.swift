// Rollcall · Postgres

package import Basics

/// The size and the times of a ``PostgresPool``.
package struct PostgresPoolOptions: Sendable, Hashable {
    /// The connections that are kept up also while no caller needs them.
    package var minimum = 2
    /// The most connections; when all are in use callers wait.
    package var maximum = 8
    /// The callers that may wait for a connection; one more fails at once as `.busy`.
    package var maximumWaiting = 256
    /// How long an attempt to connect may take, where the URL has no `connect_timeout`.
    package var connectTimeout: Duration = .seconds(2)
    /// How long a connection is used, ± 10 % so that not all are replaced at once.
    package var lifetime: Duration = .seconds(30 * 60)
    /// How long a connection beyond the minimum is kept while it is idle.
    package var idleTime: Duration = .seconds(60)
    /// How often idle connections are checked: whether PostgreSQL ended them, and whether they are too old.
    package var checkInterval: Duration = .milliseconds(500)
    /// The pauses between attempts to connect.
    package var backoff = Backoff(first: .milliseconds(50), longest: .seconds(1), permanent: .seconds(5))

    package init() {}
}
