// Rollcall · Redis

/// How much one reply may hold, nested replies included.
///
/// hiredis itself would take `*2147483647` and any bulk, and keeps a line without end.
package struct RedisReplyLimits: Sendable, Hashable {
    /// Bytes of all its strings together.
    package var bytes = 512 << 20
    /// Elements of all its arrays together.
    package var elements = 4 << 20
    /// Bytes of one line: a status, an error, an integer or a length.
    package var line = 1 << 20

    package init() {}
}
