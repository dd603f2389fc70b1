// Rollcall · EndToEndTests

import Foundation
import LocalServices
import TestSupport
import Testing

/// Runs the examples of docs/access.md that make a token, and sends each token to a node.
@Suite("Tokens in your language")
struct TokenExamplesTests {
    /// The program of each language that is run.
    static let programs = ["Node.js": "node", "Python": "python3", "Ruby": "ruby", "PHP": "php"]
    /// Languages that are not run: they need a large toolchain, a newer version than Debian has, or a package.
    private static let notRun = ["Go", "Elixir", "Swift"]

    private static let secret = "a secret of these tests, longer than 32 bytes"

    /// The node that takes the tokens of all languages; its guardian ends it with the test process.
    private static let node = Task {
        try await RollcallProcess.serve(
            redis: try await SharedRedis.url,
            environment: ["ROLLCALL_TOKEN_SECRET": secret, "ROLLCALL_REDIS_PREFIX": uniquePrefix()])
    }

    /// The code of each language, in the order of the page.
    private static func examples() throws -> [(language: String, code: String)] {
        let page = try String(contentsOfFile: repository + "/docs/access.md", encoding: .utf8)
        let heading = "\n## Make a token in your language\n"
        let section = try #require(page.components(separatedBy: heading).dropFirst().first)
        let end = section.range(of: "\n## ")?.lowerBound ?? section.endIndex
        return try section[..<end].components(separatedBy: "\n### ").dropFirst().map { part in
            let language = String(part.prefix { $0 != "\n" })
            let block = try #require(ReadmeExamplesTests.blocks(of: part).first, "\(language) has no code")
            return (language, block.text)
        }
    }

    @Test func `each language of docs/access.md is run, or listed as one that is not`() throws {
        let languages = try Self.examples().map { $0.language }
        #expect(languages.sorted() == (Self.programs.keys + Self.notRun).sorted())
    }

    @Test(arguments: programs)
    func `a token of the example tracks alice and sees her topic, and no other topic`(
        language: String, program: String
    ) async throws {
        let code = try #require(try Self.examples().first { $0.language == language }).code
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        try code.write(toFile: folder + "/example", atomically: true, encoding: .utf8)
        let outcome = try await Command.run(
            program, [folder + "/example"], environment: ["ROLLCALL_TOKEN_SECRET": Self.secret])
        try #require(outcome.code == 0, "\(outcome.errors) (scripts/bootstrap test installs \(program))")

        let headers = ["Authorization": "Bearer " + outcome.output.trimmingCharacters(in: .newlines)]
        let client = try await Self.node.value.client
        let room = RollcallClient.path(topic: "room:\(language)", "presences")
        #expect(try await client.get(room, headers: headers).status == 200)
        #expect(try await client.post(room, #"{"key":"alice"}"#, headers: headers).status == 201)
        let other = RollcallClient.path(topic: "lobby", "presences")
        #expect(try await client.post(other, #"{"key":"alice"}"#, headers: headers).status == 403)
    }
}
