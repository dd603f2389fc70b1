// Rollcall · Redis

/// The bounds of one reply, nested replies included.
///
/// hiredis itself accepts `*2147483647` and any bulk, keeps a line without end and, from 1.0, nests without end.
package struct RedisReplyLimits: Sendable, Hashable {
    /// Arrays inside one another: as many as hiredis 0.14 has room for.
    static let depth = 8

    /// Bytes of all its strings together.
    package var bytes = 512 << 20
    /// Elements of all its arrays together.
    package var elements = 4 << 20
    /// Bytes of one line: a status, an error, an integer or a length.
    package var line = 1 << 20

    package init() {}
}
