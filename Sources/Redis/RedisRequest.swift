// Rollcall · Redis

/// One command, or several that stay together, and the caller that waits for the outcome.
struct RedisRequest<Caller: Sendable>: Sendable {
    let caller: Caller
    /// How many replies come.
    let count: Int
    /// Whether the caller gets an array of all replies, errors among them.
    let isBatch: Bool
    /// Encoded bytes.
    let size: Int
    /// Kept only when one of them may have to be sent again, as EVAL.
    private(set) var commands: [RedisCommand]

    init(caller: Caller, commands: [RedisCommand], isBatch: Bool, size: Int) {
        self.caller = caller
        self.count = commands.count
        self.isBatch = isBatch
        self.size = size
        self.commands = commands.contains { $0.fallback != nil } ? commands : []
    }

    /// The call with the script's text, if that can help after this reply to the command at `index`.
    func commandWithSource(at index: Int, after reply: RedisValue) -> RedisCommand? {
        guard case .error(let error) = reply, error.code == .noScript, !commands.isEmpty else { return nil }
        return commands[index].withSource
    }

    /// The same request, of which nothing will be sent again.
    var once: Self {
        var request = self
        request.commands = []
        return request
    }
}
