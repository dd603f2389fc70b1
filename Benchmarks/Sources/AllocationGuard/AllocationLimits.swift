// Rollcall · AllocationGuard

import Foundation
public import LoadGenerator

/// The checked-in limits, by the names of the paths.
public struct AllocationLimits: Equatable, Sendable {
    private var limits: [String: AllocationLimit]

    /// Permits the measured figures and a margin.
    public init(recording paths: [GuardedPath]) {
        limits = [:]
        for path in paths { limits[path.name] = AllocationLimit(recording: path.cost.number) }
    }

    public init(file: String) throws(LoadError) {
        guard let text = try? Data(contentsOf: URL(fileURLWithPath: file)) else {
            throw LoadError("\(file) cannot be read; --record writes it")
        }
        do {
            limits = try JSONDecoder().decode([String: AllocationLimit].self, from: text)
        } catch {
            throw LoadError("\(file) is not what --record writes: \(error)")
        }
    }

    public subscript(_ name: String) -> AllocationLimit? { limits[name] }

    /// JSON with a line for each path, so that a diff of the file shows which figure changed.
    public var text: String {
        let lines = limits.sorted { $0.key < $1.key }
            .map { #"  "\#($0)": {"recorded": \#($1.recorded), "permitted": \#($1.permitted)}"# }
        return "{\n" + lines.joined(separator: ",\n") + "\n}\n"
    }

    public func write(to file: String) throws(LoadError) {
        do {
            try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        } catch {
            throw LoadError("\(file) cannot be written: \(error)")
        }
    }
}
