// Rollcall · bench

import Foundation

extension Report {
    /// A Markdown table of medians, a row for each subject and size, and how Rollcall stands to each peer.
    func table(of suite: Suite) -> [String] {
        let samples = samples.filter { $0.suite == suite.name }
        let sizes = Set(samples.map(\.size)).sorted()
        var names: [String] = []
        for name in samples.flatMap(\.figures.names) where !names.contains(name) { names.append(name) }
        let peers = suite.subjects.filter { peer in peer != .rollcall && samples.contains { $0.subject == peer } }
        let columns = [suite.unit, "of"] + names + peers.map { "\(suite.headline) to \($0)'s" }

        var lines = [row(columns), "|" + String(repeating: "---|", count: columns.count)]
        for size in sizes {
            for subject in suite.subjects {
                let own = samples.filter { $0.size == size && $0.subject == subject }
                guard !own.isEmpty else { continue }
                var cells = [size.formatted(.number.locale(Locale(identifier: "en_US"))), subject.rawValue]
                cells += names.map { name in
                    median(name, size, subject).map { Self.text($0) } ?? ""
                }
                cells += peers.map { peer in
                    guard subject == .rollcall, let ours = median(suite.headline, size, subject),
                        let theirs = median(suite.headline, size, peer), theirs > 0
                    else { return "" }
                    return String(format: "%.2f", ours / theirs)
                }
                lines.append(row(cells))
            }
        }
        return lines + growth(of: suite, sizes: sizes)

        func median(_ name: String, _ size: Int, _ subject: Subject) -> Double? {
            let values = samples.filter { $0.size == size && $0.subject == subject }.compactMap { $0.figures[name] }
            return Self.median(values)
        }
    }

    static func median(_ values: [Double]) -> Double? {
        guard !values.isEmpty else { return nil }
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    private func row(_ cells: [String]) -> String {
        "| " + cells.joined(separator: " | ") + " |"
    }

    /// How the CPU of server and Redis grows with the size: the exponent of a power law, by least squares.
    private func growth(of suite: Suite, sizes: [Int]) -> [String] {
        guard let cost = suite.growth, sizes.count > 2 else { return [] }
        var lines: [String] = []
        for subject in suite.subjects {
            let points = sizes.compactMap { size -> (x: Double, y: Double)? in
                let own = samples.filter { $0.suite == suite.name && $0.size == size && $0.subject == subject }
                guard let value = Self.median(own.compactMap { $0.figures[cost] }), value > 0 else { return nil }
                return (log(Double(size)), log(value))
            }
            guard points.count > 2 else { continue }
            let x = points.map(\.x).reduce(0, +) / Double(points.count)
            let y = points.map(\.y).reduce(0, +) / Double(points.count)
            let slope =
                points.map { ($0.x - x) * ($0.y - y) }.reduce(0, +)
                / points.map { ($0.x - x) * ($0.x - x) }.reduce(0, +)
            lines.append(
                "\(subject): \(cost) grows with the number of \(suite.unit) to the power of \(Self.text(slope))")
        }
        return lines.isEmpty ? [] : [""] + lines.map { "- " + $0 }
    }

    /// Replaces what stands between a suite's two marks in docs/performance.md.
    func writeDocs(_ suite: Suite) throws {
        let path = "\(root)/docs/performance.md"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        guard let open = text.range(of: "<!-- \(suite.name) -->\n"),
            let close = text.range(of: "<!-- /\(suite.name) -->", range: open.upperBound..<text.endIndex)
        else {
            print("docs/performance.md has no place for \(suite.name)")
            return
        }
        let ours = samples.filter { $0.suite == suite.name }
        guard let runs = ours.map(\.run).max() else { return }
        let origin = "\(date.prefix(10)), commit \(commit), medians of \(runs), \(machine)"
        let failed = failures.filter { $0.hasPrefix("\(suite.name), ") }.map { "- failed: \($0)" }
        let block = ([origin, ""] + table(of: suite) + (failed.isEmpty ? [] : [""] + failed)).joined(separator: "\n")
        let whole = text[..<open.upperBound] + "\n\(block)\n\n" + text[close.lowerBound...]
        try String(whole).write(toFile: path, atomically: true, encoding: .utf8)
    }
}
