// Rollcall · rollcall

/// One event of a stream.
struct ServerSentEvent: Sendable, Hashable {
    /// `message` where the stream names none.
    var name: String
    var data: String
}
