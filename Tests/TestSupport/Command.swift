// Rollcall · TestSupport

import Subprocess

/// Runs a program such as curl, a shell or `rollcall list` to its end.
package enum Command {
    package struct Outcome: Sendable {
        /// The exit code; 128 + the signal's number if a signal ended it, as in a shell.
        package let code: Int
        package let output: String
        package let errors: String
    }

    /// Throws ``NeverHappened`` and kills the program if it runs longer than `timeout` times ``patience``.
    package static func run(
        _ executable: String, _ arguments: [String] = [], environment: [String: String?] = [:],
        timeout: Duration = .seconds(120)
    ) async throws -> Outcome {
        let variables = environment.map { (Environment.Key(stringLiteral: $0), $1) }
        return try await withThrowingTaskGroup(of: Outcome.self) { group in
            group.addTask {
                let result = try await Subprocess.run(
                    .name("sh"), arguments: Arguments(["-c", "exec \"$@\"", "sh", executable] + arguments),
                    environment: .inherit.updating([Environment.Key: String?](uniqueKeysWithValues: variables)),
                    input: .none, output: .string(limit: 16 << 20), error: .string(limit: 16 << 20))
                let code =
                    switch result.terminationStatus {
                    case .exited(let code): Int(code)
                    case .signaled(let signal): 128 + Int(signal)
                    }
                return Outcome(code: code, output: result.standardOutput, errors: result.standardError)
            }
            group.addTask {
                try await Task.sleep(for: timeout * patience)
                throw NeverHappened(description: "the end of \(executable) within \(timeout * patience)")
            }
            defer { group.cancelAll() }
            for try await outcome in group { return outcome }
            throw CancellationError()
        }
    }
}
