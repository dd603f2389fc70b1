// Rollcall · bench

import Foundation
import LoadGenerator

/// A user of a node that checks tokens.
struct SampleUser {
    private static let secret = "a secret of the benchmarks, of 32 bytes or more"

    /// The settings of a node that takes the tokens.
    static let settings = ["ROLLCALL_TOKEN_SECRET": secret]

    /// The key of the user.
    let key: String
    let token: String

    /// Has the measured program make a token.
    init(_ key: String, by program: String) throws(LoadError) {
        self.key = key
        token = try Child.run(program, ["token", key], environment: Self.settings)
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The field of a request with the token.
    var authorization: String { "Authorization: Bearer \(token)\r\n" }
}
