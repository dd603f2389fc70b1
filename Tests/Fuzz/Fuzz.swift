// Rollcall · fuzz

import ArgumentParser
import Foundation
import RandomInput

/// The program `fuzz`.
@main
struct Fuzz: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Feeds random and damaged input to the parsers of external input.",
        discussion: """
            Exits with 1 at the first input that makes a parser break its promise, hang or use ever more memory, and \
            prints how to repeat it. A crash is reported in the same way.
            """)

    @Argument(help: "Which parsers; all of them by default: \(Subject.all.map(\.name).joined(separator: ", ")).")
    var parsers: [String] = []

    @Option(help: "Inputs for each parser.")
    var count = 100_000

    @Option(help: "The first seed; the same seed makes the same inputs. Random by default.")
    var seed: UInt64?

    func validate() throws {
        for name in parsers where !Subject.all.contains(where: { $0.name == name }) {
            throw ValidationError("no parser is called \(name)")
        }
    }

    func run() throws {
        let seed = seed ?? SplitMix.freshSeed()
        Sentinel.watch()
        report("seed \(seed)")
        for subject in Subject.all where parsers.isEmpty || parsers.contains(subject.name) {
            do {
                report(try Campaign(subject: subject, seed: seed, count: count).run())
            } catch let finding as Finding {
                report(finding)
                throw ExitCode.failure
            }
        }
    }

    /// Prints a line and flushes it, also if the output is a file.
    private func report(_ words: some CustomStringConvertible) {
        print(words)
        fflush(nil)
    }
}
