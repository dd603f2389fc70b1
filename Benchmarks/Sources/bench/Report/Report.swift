// Rollcall · bench

import Foundation
import LoadGenerator

/// The samples of a run, as JSON and as tables of medians.
struct Report: Encodable {
    private enum CodingKeys: CodingKey { case date, commit, machine, samples, failures }

    let date: String
    let commit: String
    let machine: Machine
    private(set) var samples: [Sample] = []
    /// A sentence for each measurement that failed.
    private(set) var failures: [String] = []
    let root: String

    init(root: String, machine: Machine) throws {
        self.root = root
        self.machine = machine
        date = ISO8601DateFormatter().string(from: Date())
        let commit = try? Child.run("git", ["-C", root, "describe", "--always", "--dirty", "--abbrev=10"])
        self.commit = commit?.trimmingCharacters(in: .whitespacesAndNewlines) ?? "unknown"
    }

    mutating func add(_ sample: Sample) {
        samples.append(sample)
    }

    mutating func note(_ failure: String) {
        failures.append(failure)
    }

    /// Writes `Benchmarks/results/DATE-COMMIT.json`.
    func save() {
        let folder = "\(root)/Benchmarks/results"
        let file = "\(folder)/\(date.replacing(":", with: ""))-\(commit).json"
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try encoder.encode(self).write(to: URL(fileURLWithPath: file))
            print("\nraw figures: \(file)")
        } catch {
            print("the raw figures could not be written: \(error)")
        }
    }

    static func summary(_ figures: Figures) -> String {
        zip(figures.names, figures.values).map { "\($0) \(text($1))" }.joined(separator: ", ")
    }

    /// The value with three significant digits at most.
    static func text(_ value: Double) -> String {
        switch abs(value) {
        case 0: "0"
        case 10_000_000...: String(format: "%.1fM", value / 1e6)
        case 1_000_000...: String(format: "%.2fM", value / 1e6)
        case 10_000...: String(format: "%.0fk", value / 1e3)
        case 100...: String(format: "%.0f", value)
        case 10...: String(format: "%.1f", value)
        case 1...: String(format: "%.2f", value)
        default: String(format: "%.3f", value)
        }
    }
}
