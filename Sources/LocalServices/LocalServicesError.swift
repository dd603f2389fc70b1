// Rollcall · LocalServices

/// Why a private server could not be started, with a message for the user of the program.
package struct LocalServicesError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// The program is not on this machine; the message names the package that has it.
        case notInstalled
        /// Another process uses the folder, the socket or the port.
        case inUse
        /// The server did not start or did not become ready; the message has the reason or its last lines.
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
