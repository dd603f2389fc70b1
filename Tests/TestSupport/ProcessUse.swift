// Rollcall · TestSupport

import Foundation

/// The memory and the open files of a node, on Linux; nil elsewhere, and then not compared.
package struct ProcessUse: Sendable {
    /// Whether this system shows the memory and the files of a process.
    package static var isMeasured: Bool {
        #if os(Linux)
            true
        #else
            false
        #endif
    }

    /// `VmRSS`, in MiB.
    package let memory: Int?
    package let openFiles: Int?

    package init(of node: RollcallProcess) {
        let status = try? String(contentsOfFile: "/proc/\(node.pid)/status", encoding: .utf8)
        let line = status?.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        memory = line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }.map { $0 / 1024 }
        openFiles = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(node.pid)/fd"))?.count
    }

    /// Waits until a node has as many open files as before; nil before: returns at once.
    package static func awaitFiles(_ before: Int?, of node: RollcallProcess) async throws {
        guard let before else { return }
        // A few more for connections that stay open: those of the test's own client, and those to Redis.
        try await eventually("the files as before") {
            ProcessUse(of: node).openFiles.map { $0 <= before + 3 } == true
        }
    }
}
