// Rollcall · bench

import AllocationGuard
import ArgumentParser
import LoadGenerator

/// Compares the allocations of the hottest paths with their limits.
struct GuardCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "guard",
        abstract: "Counts the allocations of the hottest paths, and fails if a path exceeds its limit.")

    @OptionGroup var measured: ProgramOptions

    @Option(help: "How often each path is measured; the median counts.")
    var rounds = 5

    @Option(help: "The file of the limits; Benchmarks/allocations.json of the sources by default.")
    var limits: String?

    @Flag(help: "Write new limits instead: a tenth above the measured figures.")
    var record = false

    func validate() throws {
        guard rounds > 0 else { throw ValidationError("--rounds must be more than 0") }
    }

    func run() throws {
        OpenFiles.raise()
        Interruption.listen()
        let file = limits ?? "\(measured.root)/Benchmarks/allocations.json"
        let checkedIn = record ? nil : try AllocationLimits(file: file)
        let launcher = try measured.launcher
        let paths = try AllocationProbe(launcher, rounds: rounds).measure()
        let limits = checkedIn ?? AllocationLimits(recording: paths)
        let report = GuardReport(paths, limits)
        print("allocations of \(launcher.program)")
        print(report.table.joined(separator: "\n"))
        if record {
            try limits.write(to: file)
            return print("recorded in \(file)")
        }
        for sentence in report.hints + report.failures { print(sentence) }
        if !report.failures.isEmpty || !report.hints.isEmpty {
            print("limits are in \(file); make bench ARGS=\"guard --record\" writes new ones")
        }
        if !report.failures.isEmpty { throw ExitCode.failure }
    }
}
