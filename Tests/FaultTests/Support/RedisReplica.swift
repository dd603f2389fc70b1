// Rollcall · FaultTests

import LocalServices
import TestSupport

extension LocalRedis {
    /// Sends one command by `redis-cli` and returns what it prints; an error reply is thrown.
    @discardableResult
    func command(_ words: String...) async throws -> String {
        let outcome = try await Command.run("redis-cli", ["-e", "-s", socketPath] + words)
        guard outcome.code == 0 else {
            throw NeverHappened(description: "\(words): \(outcome.output)\(outcome.errors)")
        }
        return outcome.output.hasSuffix("\n") ? String(outcome.output.dropLast()) : outcome.output
    }

    /// A field of `INFO`, such as `master_link_status`.
    func info(_ name: String) async throws -> String? {
        let lines = try await command("INFO", "everything").split(whereSeparator: \.isNewline)
        return lines.first { $0.hasPrefix("\(name):") }.map { String($0.dropFirst(name.count + 1)) }
    }

    /// Waits until this Redis replica has all data of its primary.
    func expectCopy(of primary: LocalRedis, timeout: Duration = .seconds(20)) async throws {
        try await eventually("a whole copy", timeout: timeout) {
            guard try await info("master_link_status") == "up" else { return false }
            return try await info("slave_repl_offset") == primary.info("master_repl_offset")
        }
    }
}

/// Runs `body` with a Redis replica of `primary`, and with the network between the two.
func withReplica(
    of primary: LocalRedis, _ body: (_ replica: LocalRedis, _ link: FaultyProxy) async throws -> Void
) async throws {
    try await primary.command("CONFIG", "SET", "repl-diskless-sync-delay", "0")
    try await FaultyProxy.with(port: primary.port ?? 0) { link in
        try await withLocalRedis(port: true, arguments: ["--replicaof", "127.0.0.1", "\(link.port)"]) { replica in
            try await replica.expectCopy(of: primary)
            try await body(replica, link)
        }
    }
}
