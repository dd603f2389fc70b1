// Rollcall · EndToEndTests

import AccessSamples
import Foundation
import LocalServices
import TestSupport
import Testing

/// Schemathesis against a node: requests that `openapi.yaml` allows, and requests that it does not, at random.
///
/// `ROLLCALL_CONTRACT_SEED` chooses other requests, and `ROLLCALL_TEST_EXAMPLES` their number.
@Suite("The contract, fuzzed")
struct ContractFuzzTests {
    /// The caller that sends the requests.
    enum Caller: String, Sendable {
        /// One without a credential, on an open node.
        case open
        /// An API key with every right that an operation needs.
        case apiKey = "api_key"
        /// A user that tracks and sees on every topic.
        case user
        /// A user that only counts.
        case counting

        /// The value of `Authorization`; nil for none.
        var authorization: String? {
            switch self {
            case .open: nil
            case .apiKey: "Bearer \(backendKey)"
            case .user: token(#"["track","see"]"#)
            case .counting: token(#"["see:count"]"#)
            }
        }

        /// A token of the user that `hooks.py` names.
        private func token(_ rights: String) -> String {
            let claim = #"{"topic_prefixes":{"":\#(rights)}}"#
            return "Bearer " + SampleToken.hs256(SampleToken.payload("alice", rights: claim, lifetime: 7_200))
        }

        /// The settings of the node.
        var settings: [String: String] {
            switch self {
            case .open: [:]
            case .apiKey: ["ROLLCALL_API_KEYS": backendKeys]
            case .user, .counting:
                // Schemathesis sends more requests than the standard limits of a user allow.
                ["ROLLCALL_TOKEN_SECRET": SampleToken.secret, "ROLLCALL_USER_LIMITS": "none"]
            }
        }
    }

    @Test(
        .timeLimit(.minutes(30)),
        arguments: [
            // Each stateful run is alone, because it follows the links from the presences that it tracked.
            (Caller.apiKey, "stateful", 100), (.apiKey, "examples,coverage,fuzzing", 30),
            (.user, "stateful", 30), (.user, "examples,coverage,fuzzing", 10),
            (.counting, "examples,fuzzing", 10), (.open, "examples,fuzzing", 10),
        ])
    func `Every answer is one that openapi.yaml allows for the request`(
        caller: Caller, phases: String, examples: Int
    ) async throws {
        let schemathesis = repository + "/.venv/bin/schemathesis"
        try #require(
            FileManager.default.isExecutableFile(atPath: schemathesis),
            "this test needs \(schemathesis); scripts/bootstrap makes it")
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let seed = Environment.contractSeed ?? 1
        print("The contract, fuzzed: \(caller.rawValue), \(phases), seed \(seed)")
        // An open node enforces no credential.
        let credential =
            caller.authorization.map { ["--header", "Authorization: \($0)"] } ?? ["--exclude-checks", "ignored_auth"]

        try await withPostgres { database in
            let settings = [
                "ROLLCALL_REDIS_PREFIX": uniquePrefix(), "ROLLCALL_DATABASE_URL": database,
                "ROLLCALL_FETCH_RULES": Self.rules,
            ].merging(caller.settings) { $1 }
            try await withRollcall(redis: try await SharedRedis.url, environment: settings) { node in
                let outcome = try await Command.run(
                    schemathesis,
                    [
                        "--config-file", Self.contract + "/schemathesis.toml", "run", repository + "/openapi.yaml",
                        "--url", node.url, "--phases", phases, "--seed", "\(seed)",
                        "--max-examples", "\(Environment.examples ?? examples)", "--no-color",
                    ] + credential,
                    environment: [
                        "SCHEMATHESIS_HOOKS": Self.contract + "/hooks.py", "HYPOTHESIS_STORAGE_DIRECTORY": folder,
                        "PYTHONDONTWRITEBYTECODE": "1", "ROLLCALL_CONTRACT_CALLER": caller.rawValue,
                    ],
                    timeout: Environment.examples == nil ? .seconds(600) : .seconds(1_700))
                #expect(outcome.code == 0, "\(caller.rawValue), seed \(seed)\n\(outcome.output)\(outcome.errors)")
            }
        }
    }

    /// Every key has data.
    private static let rules = """
        [{"topics": "*", "field": "user", "query": "SELECT key, to_jsonb(key) FROM unnest($1) AS key"}]
        """
    private static let contract = repository + "/Tests/EndToEndTests/Contract"
}

/// An API key with every right; schemathesis also sends requests without it.
private let backendKey = "rk_contract_" + String(repeating: "A", count: 43)
private let backendKeys = """
    [{
      "id": "contract", "sha256": "7694e318c3c2948ccd11252dd8bb55be491eca3a2dda169a6f0519f43e3cd243",
      "topic_prefixes": {"": ["track:any", "see"]}, "service": ["enrich", "operate", "revoke", "remove"]
    }]
    """
