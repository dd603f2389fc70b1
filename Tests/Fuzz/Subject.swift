// Rollcall · fuzz

/// A parser with its inputs and its promises.
struct Subject: Sendable {
    let name: String
    let round: @Sendable (inout Round) throws -> Void

    init(_ name: String, round: @escaping @Sendable (inout Round) throws -> Void) {
        self.name = name
        self.round = round
    }

    static let all: [Subject] = [
        .replies, .messages, .values, .invalidations, .tickets, .revocations, .names, .cursors, .json, .patches,
        .operations, .paths, .queries, .tags, .proxies, .clientMessages, .binaryMessages, .socketParameters,
        .pollBatches,
    ]
}
