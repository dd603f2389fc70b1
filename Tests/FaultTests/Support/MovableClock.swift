// Rollcall · FaultTests

import Foundation
import LocalServices
import TestSupport

/// The wall clock of a redis-server, which a test moves while the server runs.
///
/// It is a small C library, which the test compiles and the server preloads.
struct MovableClock: Sendable {
    /// Whether the system preloads a library into redis-server; macOS does not for protected programs.
    static var isPossible: Bool {
        #if os(Linux)
            true
        #else
            false
        #endif
    }

    private let file: String
    let environment: [String: String?]

    /// Seconds since 1970 on the clock that is not moved.
    static var trueSeconds: Int64 { Int64(Date.now.timeIntervalSince1970) }

    /// Runs `body` with a clock that is right until it is moved.
    static func with(_ body: (MovableClock) async throws -> Void) async throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let library = "\(folder)/clock.so"
        let source = "\(repository)/Tests/ClockShift/clock_shift.c"
        // A Swift toolchain has clang; cc is any other C compiler.
        let compile = "exec $(command -v clang || command -v cc) -O1 -shared -fPIC -o \"$1\" \"$2\""
        let outcome = try await Command.run("sh", ["-c", compile, "sh", library, source])
        guard outcome.code == 0 else {
            throw NeverHappened(description: "\(source) did not compile: \(outcome.output)\(outcome.errors)")
        }
        let clock = MovableClock(
            file: "\(folder)/offset", environment: ["LD_PRELOAD": library, "CLOCK_SHIFT_FILE": "\(folder)/offset"])
        try clock.stand(.zero)
        try await body(clock)
    }

    /// Sets how far the clock is ahead of the true time; negative is behind.
    func stand(_ ahead: Duration) throws {
        let microseconds = ahead.components.seconds * 1_000_000 + ahead.components.attoseconds / 1_000_000_000_000
        let bytes = withUnsafeBytes(of: microseconds) { Data($0) }
        guard let handle = FileHandle(forUpdatingAtPath: file) else {
            return try bytes.write(to: URL(fileURLWithPath: file))
        }
        // Into the existing file, because the server has it mapped.
        try handle.write(contentsOf: bytes)
        try handle.close()
    }
}
