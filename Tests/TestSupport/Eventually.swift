// Rollcall · TestSupport

import Foundation

/// A condition that did not come true in time.
package struct NeverHappened: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
}

/// `ROLLCALL_TEST_PATIENCE`: the factor for all times after which tests give up, for example under a sanitizer.
package let patience = ProcessInfo.processInfo.environment["ROLLCALL_TEST_PATIENCE"].flatMap(Int.init) ?? 1

/// The time after which a test gives up: no rule about speed, but long enough for a busy machine.
package let giveUpTime = Duration.seconds(60)

/// Awaits a condition: checks it every 5 ms, and throws ``NeverHappened`` after `timeout` times ``patience``.
///
/// - Parameter what: the awaited condition, for the message of the failure.
package func eventually(
    _ what: @autoclosure () -> String = "the condition",
    timeout: Duration = giveUpTime,
    isolation: isolated (any Actor)? = #isolation,
    fileID: String = #fileID,
    line: Int = #line,
    _ condition: () async throws -> Bool
) async throws {
    try await eventually(what(), timeout: timeout, isolation: isolation, fileID: fileID, line: line) {
        try await condition() ? true : nil
    }
}

/// Awaits a value: calls `find` every 5 ms until it returns one.
@discardableResult
package func eventually<Value>(
    _ what: @autoclosure () -> String = "a value",
    timeout: Duration = giveUpTime,
    isolation: isolated (any Actor)? = #isolation,
    fileID: String = #fileID,
    line: Int = #line,
    _ find: () async throws -> sending Value?
) async throws -> sending Value {
    let clock = ContinuousClock()
    let deadline = clock.now + timeout * patience
    while true {
        if let value = try await find() { return value }
        guard clock.now < deadline else {
            throw NeverHappened(description: "\(fileID):\(line): \(what()) did not happen within \(timeout * patience)")
        }
        try await Task.sleep(for: .milliseconds(5))
    }
}
