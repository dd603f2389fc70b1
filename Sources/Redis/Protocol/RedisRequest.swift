// Rollcall · Redis

/// One command, or several that stay together, and the caller that waits for the outcome.
struct RedisRequest<Caller: Sendable>: Sendable {
    let caller: Caller
    /// The number of replies.
    let count: Int
    /// Whether the caller gets an array of all replies, errors among them.
    let isBatch: Bool
    /// The encoded size in bytes.
    let size: Int
    /// The commands if one of them may be sent again as EVAL, otherwise empty.
    private(set) var commands: [RedisCommand]

    init(caller: Caller, commands: [RedisCommand], isBatch: Bool, size: Int) {
        self.caller = caller
        self.count = commands.count
        self.isBatch = isBatch
        self.size = size
        self.commands = commands.contains { $0.fallback != nil } ? commands : []
    }

    /// The command at `index` with the text of its script, if `reply` is the error that Redis does not know the script.
    func commandWithSource(at index: Int, after reply: RedisValue) -> RedisCommand? {
        guard case .error(let error) = reply, error.code == .noScript, !commands.isEmpty else { return nil }
        return commands[index].withSource
    }

    /// The same request without commands to send again.
    var withoutRetry: Self {
        var request = self
        request.commands = []
        return request
    }
}
