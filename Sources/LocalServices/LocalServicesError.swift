// Rollcall · LocalServices

/// Says why a private server could not be started, in words for the person who asked for it.
package struct LocalServicesError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// The program is not on this machine; the message names the package that has it.
        case notInstalled
        /// The folder, socket or port is already someone else's.
        case inUse
        /// The program started but ended, or never became ready; the message carries its last words.
        case startFailed
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { self.message }
}
