// Rollcall · rollcall

/// An end that the person at the terminal should read about, and the exit code that scripts see.
struct ProgramError: Error, Sendable, CustomStringConvertible {
    /// sysexits.h, where it has a word for the case.
    enum Code: Int32, Sendable {
        /// The service answered, and the answer is no.
        case refused = 1
        /// A flag, an argument or a setting is wrong (EX_USAGE).
        case usage = 64
        /// A service that is needed is not there (EX_UNAVAILABLE).
        case unavailable = 69
    }

    let code: Code
    let description: String

    static func usage(_ description: String) -> Self { Self(code: .usage, description: description) }
    static func refused(_ description: String) -> Self { Self(code: .refused, description: description) }
    static func unavailable(_ description: String) -> Self { Self(code: .unavailable, description: description) }
}
