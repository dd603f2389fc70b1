// Rollcall · EndToEndTests

import Foundation
import LocalServices
import RegexBuilder
import TestSupport
import Testing

/// Runs the examples of README.md in a shell, changing only the port.
///
/// A block of `sh` is run. The block of `text` after it is its output or, if it prints nothing, the next output of the
/// stream that an earlier block opened. Values that differ from run to run (refs, cursors, sessions, times) are
/// compared by their shape.
@Suite("README.md")
struct ReadmeExamplesTests {
    @Test(.timeLimit(.minutes(10)))
    func `Every example prints what README.md shows`() async throws {
        let readme = try String(contentsOfFile: repository + "/README.md", encoding: .utf8)
        #expect(readme.split(separator: "\n", omittingEmptySubsequences: false).count <= 200)
        let blocks = Self.blocks(of: readme)
        try #require(blocks.first?.text == "make run\n", "the first example starts the service")
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let node = try await RollcallProcess.start(["dev", "--state", folder])
        let port = try #require(node.url.split(separator: ":").last)

        var stream: OwnedProcess?
        var streamed = ""
        var examples = 0
        var printed = ""
        for (index, block) in blocks.enumerated().dropFirst() {
            let text = block.text.replacing("127.0.0.1:4000", with: "127.0.0.1:\(port)")
            switch block.language {
            case "sh" where text.contains("curl -N"):
                // Without a terminal curl shows its progress as well, on standard error.
                stream = try await OwnedProcess.start("bash", arguments: ["-c", "exec 2>/dev/null " + text])
                streamed = ""
                printed = ""
            case "sh":
                let outcome = try await Command.run("bash", ["-c", text])
                #expect(outcome.code == 0, "\(text)\(outcome.errors)")
                printed = outcome.output
            case "text" where !printed.isEmpty:
                #expect(Self.shape(of: printed) == Self.shape(of: text), "\(blocks[index - 1].text)")
                printed = ""
                examples += 1
            case "text":
                streamed += text
                let process = try #require(stream, "a stream was opened before: \(text)")
                let expected = Self.shape(of: streamed)
                do {
                    try await eventually("the stream of the README") {
                        Self.shape(of: process.log.text).contains(expected)
                    }
                } catch {
                    #expect(Self.shape(of: process.log.text) == expected)
                }
                examples += 1
            default: break
            }
        }
        #expect(examples >= 5)
        await stream?.kill()
        await node.terminate()
    }

    @Test(
        arguments: [
            "README.md", "SECURITY.md", "docs/decisions.md", "docs/flow.md", "docs/glossary.md", "docs/operations.md",
            "docs/phoenix.md", "docs/redis-model.md", "docs/threat-model.md", "docs/troubleshooting.md",
            "CONTRIBUTING.md",
        ])
    func `Every file that a page links to exists`(page: String) throws {
        let file = URL(fileURLWithPath: repository).appendingPathComponent(page)
        for link in try String(contentsOf: file, encoding: .utf8).matches(of: #/\]\((?<path>[^)#:]+)[^):]*\)/#) {
            let target = file.deletingLastPathComponent().appendingPathComponent(String(link.output.path))
            #expect(FileManager.default.fileExists(atPath: target.path), "\(link.output.path)")
        }
    }

    /// The fenced blocks of a page.
    static func blocks(of markdown: String) -> [(language: String, text: String)] {
        markdown.matches(of: #/(?m)^```(?<language>[a-z]*)\n(?<text>(?:.*\n)*?)```$/#).map {
            (String($0.output.language), String($0.output.text))
        }
    }

    /// Replaces values that differ from run to run with their kind.
    private static func shape(of output: String) -> String {
        output
            .replacing(#/[0-9a-f]{16}-[0-9]+/#, with: "CURSOR")
            .replacing(#/"phx_ref(?<kind>_prev)?":"[A-Za-z0-9_-]{16}"/#) {
                "\"phx_ref\($0.output.kind ?? "")\":\"REF\""
            }
            .replacing(#/"reasons":\{"[A-Za-z0-9_-]{16}"/#, with: #""reasons":{"REF""#)
            .replacing(#/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z/#, with: "TIME")
            .replacing(#/retry: [0-9]+/#, with: "retry: MS")
            .replacing(#/event: ping\ndata: \{\}\n\n/#, with: "")
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
