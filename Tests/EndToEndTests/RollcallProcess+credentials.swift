// Rollcall · EndToEndTests

import Foundation
import TestSupport
import Testing

/// Credentials that the program itself makes.
extension RollcallProcess {
    /// The fields of a request with a token.
    static func token(
        _ key: String, rights: String, lifetime: Int = 3600, secret: String
    ) async throws -> [String: String] {
        let made = try await run(
            ["token", key, "--rights", rights, "--lifetime", "\(lifetime)"],
            environment: ["ROLLCALL_TOKEN_SECRET": secret])
        try #require(made.code == 0, "\(made.errors)")
        return ["Authorization": "Bearer " + made.output.trimmingCharacters(in: .whitespacesAndNewlines)]
    }

    /// An API key, and its entry in the list of a node.
    static func apiKey(_ arguments: [String] = []) async throws -> (key: String, entry: String) {
        let made = try await run(["apikey"] + arguments)
        let lines = made.output.split(separator: "\n").map(String.init)
        try #require(lines.count == 2, "\(made.errors)")
        return (lines[0], lines[1])
    }
}
