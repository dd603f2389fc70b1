// Rollcall · bench

import ArgumentParser
import Foundation
import LoadGenerator

/// Runs suites and reports their figures.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Runs suites, prints their tables, and saves the raw figures.")

    @Option(name: .long, parsing: .upToNextOption, help: "Suites to run; all of them by default. --list names them.")
    var suite: [String] = []

    @Option(help: "How often each subject is measured; tables show the median.")
    var runs = 3

    @Flag(help: "One run with a fifth of the repetitions, as a quick check.")
    var quick = false

    @Flag(inversion: .prefixedNo, help: "Measure the peers that are installed as well.")
    var peers = true

    @Option(help: "Multiplies every size.")
    var scale = 1.0

    @Flag(help: "Measure at 1, 2, 4 and 8 times a base size, without peers, and print how the costs grow.")
    var scaling = false

    @Option(parsing: .upToNextOption, help: "Only these sizes, before scaling.")
    var size: [Int] = []

    @Flag(
        inversion: .prefixedNo,
        help: "Put the tables into docs/performance.md, if sizes, repetitions and peers are those of the suite.")
    var docs = true

    @Flag(help: "Name the suites.")
    var list = false

    @OptionGroup var measured: ProgramOptions

    func validate() throws {
        let unknown = suite.filter { name in !Suite.all.contains { $0.name == name } }
        guard unknown.isEmpty else { throw ValidationError("no suite is called \(unknown.joined(separator: ", "))") }
        guard runs > 0, scale > 0 else { throw ValidationError("--runs and --scale must be more than 0") }
    }

    func run() throws {
        if list {
            for suite in Suite.all { print("\(suite.name)  \(suite.title)") }
            return
        }
        OpenFiles.raise()
        Interruption.listen()
        let setting = Setting(launcher: try measured.launcher, isQuick: quick)
        var report = try Report(root: measured.root, machine: .here())
        print("\(report.commit), \(report.machine)")
        for subject in Subject.allCases where peers && !scaling {
            if let missing = subject.missingRequirement { print("without \(subject): \(missing)") }
        }
        defer { report.save() }
        for suite in Suite.all where self.suite.isEmpty || self.suite.contains(suite.name) {
            try measure(suite, setting, &report)
            print("\n" + report.table(of: suite).joined(separator: "\n"))
            guard docs, !quick, size.isEmpty, scale == 1 else { continue }
            if scaling {
                try report.writeGrowth()
            } else if peers {
                try report.writeDocs(suite)
            }
        }
        if !report.failures.isEmpty { throw ExitCode.failure }
    }

    private func sizes(of suite: Suite) -> [Int] {
        var sizes = size.isEmpty ? suite.sizes : size
        if scaling { sizes = [1, 2, 4, 8].map { suite.scalingBase * $0 } }
        return sizes.map { max(1, Int(Double($0) * scale)) }
    }

    /// Measures all subjects in each run, so that other load of the machine affects all of them.
    private func measure(_ suite: Suite, _ setting: Setting, _ report: inout Report) throws {
        print("\n\(suite.name): \(suite.title)")
        let subjects = suite.subjects.filter { $0 == .rollcall || (peers && !scaling && $0.missingRequirement == nil) }
        let sizes = sizes(of: suite)
        for run in 1...(quick ? 1 : runs) {
            for size in sizes {
                for subject in subjects where size <= suite.largest[subject] ?? .max {
                    do {
                        let figures = try suite.measure(subject, size, setting)
                        report.add(Sample(suite: suite.name, subject: subject, size: size, run: run, figures: figures))
                        print("  \(subject) \(size) \(suite.unit), run \(run): \(Report.summary(figures))")
                        fflush(nil)
                    } catch {
                        try Interruption.check()
                        report.note("\(suite.name), \(subject), \(size) \(suite.unit), run \(run): \(error)")
                        print("  \(subject) \(size) \(suite.unit), run \(run): failed: \(error)")
                    }
                }
            }
        }
    }
}
