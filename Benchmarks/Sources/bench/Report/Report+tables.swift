// Rollcall · bench

import Foundation

extension Report {
    /// A Markdown table of medians: a row for each subject and size, with the ratio of Rollcall to each peer.
    func table(of suite: Suite) -> [String] {
        let samples = samples.filter { $0.suite == suite.name }
        let sizes = Set(samples.map(\.size)).sorted()
        var names: [String] = []
        for name in samples.flatMap(\.figures.names) where !names.contains(name) { names.append(name) }
        let peers = suite.subjects.filter { peer in peer != .rollcall && samples.contains { $0.subject == peer } }
        let columns = [suite.unit, "of"] + names + peers.map { "× \($0)" }

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
                        let theirs = median(suite.headline, size, peer), theirs > 0, ours > 0
                    else { return "" }
                    return String(format: "%.2f", suite.moreIsBetter ? ours / theirs : theirs / ours)
                }
                lines.append(row(cells))
            }
        }
        let growth = growth(of: suite)
        return lines + (growth.isEmpty ? [] : [""] + growth)

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

    /// The growth of costs with the size: the exponent of a power law, by least squares.
    func growth(of suite: Suite) -> [String] {
        suite.subjects.flatMap { subject in
            suite.growth.compactMap { figure in
                let own = samples.filter { $0.suite == suite.name && $0.subject == subject }
                let points = Set(own.map(\.size)).sorted().compactMap { size -> (x: Double, y: Double)? in
                    let values = own.filter { $0.size == size }.compactMap { $0.figures[figure] }
                    guard let value = Self.median(values), value > 0 else { return nil }
                    return (log(Double(size)), log(value))
                }
                guard points.count > 2 else { return nil }
                let x = points.map(\.x).reduce(0, +) / Double(points.count)
                let y = points.map(\.y).reduce(0, +) / Double(points.count)
                let slope =
                    points.map { ($0.x - x) * ($0.y - y) }.reduce(0, +)
                    / points.map { ($0.x - x) * ($0.x - x) }.reduce(0, +)
                return "- \(suite.name), \(subject): *\(figure)* grows as \(suite.unit) to the power of "
                    + String(format: "%.2f", slope)
            }
        }
    }

    /// Replaces the text between the two marks of a suite in docs/performance.md.
    func writeDocs(_ suite: Suite) throws {
        let ours = samples.filter { $0.suite == suite.name }
        let failed = failures.filter { $0.hasPrefix("\(suite.name), ") }.map { "- failed: \($0)" }
        guard !ours.isEmpty || !failed.isEmpty else { return }
        try writeDocs(suite.name, table(of: suite) + (failed.isEmpty ? [] : [""] + failed), of: ours)
    }

    /// Writes all exponents into docs/performance.md.
    func writeGrowth() throws {
        let lines = Suite.all.flatMap { growth(of: $0) }
        if !lines.isEmpty { try writeDocs("scaling", lines, of: samples) }
    }

    private func writeDocs(_ place: String, _ lines: [String], of samples: [Sample]) throws {
        let path = "\(root)/docs/performance.md"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        guard let open = text.range(of: "<!-- \(place) -->\n"),
            let close = text.range(of: "<!-- /\(place) -->", range: open.upperBound..<text.endIndex)
        else {
            print("docs/performance.md has no marks for \(place)")
            return
        }
        let runs = samples.map(\.run).max() ?? 0
        let origin = "\(date.prefix(10)), commit \(commit), medians of \(runs), \(machine):"
        let block = ([origin, ""] + lines).joined(separator: "\n")
        let whole = text[..<open.upperBound] + "\n\(block)\n\n" + text[close.lowerBound...]
        try String(whole).write(toFile: path, atomically: true, encoding: .utf8)
    }
}
