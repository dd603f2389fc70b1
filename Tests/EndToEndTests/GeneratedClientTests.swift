// Rollcall · EndToEndTests

import Access
import Foundation
import LocalServices
import TestSupport
import Testing

/// A client that openapi-python-client generates from `openapi.yaml`, against a node.
@Suite("A generated client")
struct GeneratedClientTests {
    private static let contract = repository + "/openapi.yaml"
    private static let folder = repository + "/Tests/EndToEndTests/Contract"

    @Test(.timeLimit(.minutes(10)))
    func `a client that is generated from openapi.yaml has each operation, and reads answers as their types`()
        async throws
    {
        let generator = repository + "/.venv/bin/openapi-python-client"
        try #require(
            FileManager.default.isExecutableFile(atPath: generator),
            "this test needs \(generator); scripts/bootstrap test makes it")
        let target = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(target) }
        let generated = try await Command.run(
            generator,
            [
                "generate", "--path", Self.contract, "--meta", "none", "--config", Self.folder + "/client.yaml",
                "--output-path", target + "/rollcall_client",
            ])
        try #require(generated.code == 0, "\(generated.output)\(generated.errors)")
        // The generator reads no YAML in answers, so it warns of the route of the contract itself.
        let warnings = generated.errors.split(separator: "\n").filter {
            $0.contains("WARNING parsing") || $0.contains("Unable to")
        }
        #expect(warnings.allSatisfy { $0.contains("GET /openapi.yaml ") }, "\(generated.errors)")

        let (id, key) = APIKey.draw()
        let entry = #"{"id":"\#(id)","sha256":"\#(APIKey.sha256(of: key))","topic_prefixes":{"":["track:any","see"]}}"#
        let settings = ["ROLLCALL_REDIS_PREFIX": uniquePrefix(), "ROLLCALL_API_KEYS": "[\(entry)]"]
        try await withRollcall(redis: try await SharedRedis.url, environment: settings) { node in
            let outcome = try await Command.run(
                repository + "/.venv/bin/python",
                [Self.folder + "/client_calls.py", target, node.url, Self.contract],
                environment: ["ROLLCALL_TOKEN": key, "PYTHONDONTWRITEBYTECODE": "1"])
            #expect(outcome.code == 0, "\(outcome.errors)")
        }
    }
}
