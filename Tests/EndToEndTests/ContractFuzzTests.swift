// Rollcall · EndToEndTests

import Foundation
import LocalServices
import TestSupport
import Testing

/// Schemathesis against a node: requests that `openapi.yaml` allows, and requests that it does not, at random.
///
/// `ROLLCALL_CONTRACT_SEED` chooses other requests, and `ROLLCALL_TEST_EXAMPLES` their number.
@Suite("The contract, fuzzed")
struct ContractFuzzTests {
    @Test(
        .timeLimit(.minutes(30)),
        arguments: [
            // Runs alone and first, because it follows the links from the presences that it tracked.
            ("stateful", 100),
            ("examples,coverage,fuzzing", 30),
        ])
    func `Every answer is one that openapi.yaml allows for the request`(phases: String, examples: Int) async throws {
        let schemathesis = repository + "/.venv/bin/schemathesis"
        try #require(
            FileManager.default.isExecutableFile(atPath: schemathesis),
            "this test needs \(schemathesis); scripts/bootstrap makes it")
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let seed = Environment.contractSeed ?? 1
        print("The contract, fuzzed: \(phases), seed \(seed)")

        try await withPostgres { database in
            let settings = [
                "ROLLCALL_REDIS_PREFIX": uniquePrefix(), "ROLLCALL_DATABASE_URL": database,
                "ROLLCALL_FETCH_RULES": Self.rules, "ROLLCALL_API_KEYS": Self.apiKeys,
            ]
            try await withRollcall(redis: try await SharedRedis.url, environment: settings) { node in
                let outcome = try await Command.run(
                    schemathesis,
                    [
                        "--config-file", Self.contract + "/schemathesis.toml", "run", repository + "/openapi.yaml",
                        "--url", node.url, "--phases", phases, "--seed", "\(seed)",
                        "--max-examples", "\(Environment.examples ?? examples)", "--no-color",
                        "--header", "Authorization: Bearer \(Self.apiKey)",
                    ],
                    environment: [
                        "SCHEMATHESIS_HOOKS": Self.contract + "/hooks.py", "HYPOTHESIS_STORAGE_DIRECTORY": folder,
                        "PYTHONDONTWRITEBYTECODE": "1",
                    ],
                    timeout: Environment.examples == nil ? .seconds(600) : .seconds(1_700))
                #expect(outcome.code == 0, "seed \(seed)\n\(outcome.output)\(outcome.errors)")
            }
        }
    }

    /// Every key has data.
    private static let rules = """
        [{"topics": "*", "field": "user", "query": "SELECT key, to_jsonb(key) FROM unnest($1) AS key"}]
        """
    /// An API key with every right that an operation needs; schemathesis also sends requests without it.
    private static let apiKey = "rk_contract_" + String(repeating: "A", count: 43)
    private static let apiKeys = """
        [{
          "id": "contract", "sha256": "7694e318c3c2948ccd11252dd8bb55be491eca3a2dda169a6f0519f43e3cd243",
          "topic_prefixes": {"": ["track:any", "see"]}, "service": ["enrich", "operate", "revoke", "remove"]
        }]
        """
    private static let contract = repository + "/Tests/EndToEndTests/Contract"
}
