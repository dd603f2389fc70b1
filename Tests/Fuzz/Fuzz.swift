// Rollcall · fuzz

import ArgumentParser
import Foundation
import RandomInput

/// The program `fuzz`.
@main
struct Fuzz: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Feeds random and damaged input to the parsers of what comes from outside.",
        discussion: """
            Ends with 1 at the first input that makes a parser break its promise, stand still or take ever more memory, and \
            says how to repeat it. A crash is told likewise.
            """)

    @Argument(help: "Which parsers; all of them by default: \(Subject.all.map(\.name).joined(separator: ", ")).")
    var parsers: [String] = []

    @Option(help: "Inputs for each parser.")
    var count = 100_000

    @Option(help: "Where to begin; the same seed makes the same inputs. Drawn by default.")
    var seed: UInt64?

    func validate() throws {
        for name in parsers where !Subject.all.contains(where: { $0.name == name }) {
            throw ValidationError("no parser is called \(name)")
        }
    }

    func run() throws {
        let seed = seed ?? SplitMix.freshSeed()
        Sentinel.watch()
        say("seed \(seed)")
        for subject in Subject.all where parsers.isEmpty || parsers.contains(subject.name) {
            do {
                say(try Campaign(subject: subject, seed: seed, count: count).run())
            } catch let finding as Finding {
                say(finding)
                throw ExitCode.failure
            }
        }
    }

    /// Prints at once, into a file as well.
    private func say(_ words: some CustomStringConvertible) {
        print(words)
        fflush(nil)
    }
}
