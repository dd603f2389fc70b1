// Rollcall · Redis

/// The reason why a command has no reply, or the error that Redis replied.
///
/// The message never holds an argument of AUTH.
package struct RedisError: Error, Hashable, Sendable {
    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Reads an error reply; its first word is the code, if it is in capitals.
    package init(reply: String) {
        let word = reply.prefix { $0 != " " }
        let code = word.utf8.allSatisfy(Self.isCapital) ? Code(rawValue: String(word)) ?? .other : .other
        self.code = code == .other && Self.missingRights.contains { reply.contains($0) } ? .noPermission : code
        // Redis repeats the arguments of a command that it does not know.
        self.message = reply.firstRange(of: ", with args").map { String(reply[..<$0.lowerBound]) } ?? reply
    }

    /// Texts of replies without a code that mean a missing right: in a script, or for a renamed command.
    private static let missingRights = [
        "executing the script can't", "ACL failure in script", "ERR unknown command", "ERR Unknown Redis command",
    ]

    /// Whether the connection that got this reply must be closed.
    ///
    /// A new one may lead to a server that takes the command.
    var closesConnection: Bool { [.readOnly, .masterDown, .noAuth].contains(code) }

    /// Whether Redis may have executed the command, so that only an idempotent one may be repeated.
    var hasUnknownOutcome: Bool { [.disconnected, .timeout, .protocolViolation].contains(code) }

    private static func isCapital(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
    }
}

extension RedisError: CustomStringConvertible {
    package var description: String {
        message.hasPrefix(code.rawValue) ? message : "\(code.rawValue): \(message)"
    }
}
