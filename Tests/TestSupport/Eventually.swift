// Rollcall · TestSupport

import Foundation

/// A condition that did not come true in time.
package struct NeverHappened: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
}

/// `ROLLCALL_TEST_PATIENCE`: how many times longer than usual conditions are awaited, under a sanitizer for example.
package let patience = ProcessInfo.processInfo.environment["ROLLCALL_TEST_PATIENCE"].flatMap(Int.init) ?? 1

/// When a test gives up, which is no rule about how fast a thing is: long enough for a machine that others share.
package let giveUpTime = Duration.seconds(60)

/// Awaits a condition: asks every few milliseconds, and fails by throwing when `timeout` has passed.
///
/// - Parameter what: what was awaited, for the failure's message.
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

/// Awaits a value: asks `find` every few milliseconds until it has one.
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
