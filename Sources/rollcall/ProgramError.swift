// Rollcall · rollcall

/// An error that ends the program, with a message for the user and an exit code for scripts.
struct ProgramError: Error, Sendable, CustomStringConvertible {
    /// Exit codes, from sysexits.h where it has one that fits.
    enum Code: Int32, Sendable {
        /// The service refused the request.
        case refused = 1
        /// A flag, an argument or a setting is wrong (EX_USAGE).
        case usage = 64
        /// A service that is needed is unavailable (EX_UNAVAILABLE).
        case unavailable = 69
    }

    let code: Code
    let description: String

    static func usage(_ description: String) -> Self { Self(code: .usage, description: description) }
    static func refused(_ description: String) -> Self { Self(code: .refused, description: description) }
    static func unavailable(_ description: String) -> Self { Self(code: .unavailable, description: description) }
}
