// Rollcall · AllocationGuard

import Foundation

/// Measured figures beside their limits.
public struct GuardReport: Sendable {
    private let paths: [GuardedPath]
    private let limits: AllocationLimits

    public init(_ paths: [GuardedPath], _ limits: AllocationLimits) {
        self.paths = paths
        self.limits = limits
    }

    /// A line for each path.
    public var table: [String] {
        let rows =
            [["path", "allocations per", "measured", "permitted", "recorded", "bytes"]]
            + paths.map { path in
                let limit = limits[path.name]
                return [
                    path.name, path.unit, Self.text(path.cost.number), Self.text(limit?.permitted),
                    Self.text(limit?.recorded), String(format: "%.0f", path.cost.bytes),
                ]
            }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).enumerated().map { column, cell in
                let gap = String(repeating: " ", count: cell.1 - cell.0.count)
                return column < 2 ? cell.0 + gap : gap + cell.0
            }.joined(separator: "  ")
        }
    }

    /// A sentence for each path that exceeds its limit or has no limit.
    public var failures: [String] {
        paths.compactMap { path in
            guard let limit = limits[path.name] else { return "\(path.name) has no limit" }
            guard limit.verdict(on: path.cost.number) == .exceeded else { return nil }
            return "\(path.name) makes \(Self.text(path.cost.number)) allocations per \(path.unit), "
                + "and \(Self.text(limit.permitted)) are permitted (\(Self.text(limit.recorded)) were recorded)"
        }
    }

    /// A sentence for each path that needs a lower limit.
    public var hints: [String] {
        paths.compactMap { path in
            guard let limit = limits[path.name], limit.verdict(on: path.cost.number) == .outdated else { return nil }
            return "\(path.name) makes only \(Self.text(path.cost.number)) allocations per \(path.unit), "
                + "where \(Self.text(limit.recorded)) were recorded: lower its limit"
        }
    }

    private static func text(_ value: Double?) -> String {
        value.map { String(format: "%.2f", $0) } ?? "none"
    }
}
