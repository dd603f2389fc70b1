// Rollcall · Redis

/// Says why a command has no reply, or what Redis replied in place of one.
///
/// The message never holds an argument of AUTH.
package struct RedisError: Error, Hashable, Sendable {
    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Reads an error reply: its first word, if Redis writes it in capitals, is the code.
    package init(reply: String) {
        let word = reply.prefix { $0 != " " }
        let code = word.utf8.allSatisfy(Self.isCapital) ? Code(rawValue: String(word)) ?? .other : .other
        self.code = code == .other && Self.missingRights.contains { reply.contains($0) } ? .noPermission : code
        // Redis repeats the arguments of a command that it does not know.
        self.message = reply.firstRange(of: ", with args").map { String(reply[..<$0.lowerBound]) } ?? reply
    }

    /// How replies without a code of their own name a right that is missing: in a script, or a command that was renamed.
    private static let missingRights = [
        "executing the script can't", "ACL failure in script", "ERR unknown command", "ERR Unknown Redis command",
    ]

    /// Whether the same command may succeed soon, so that a caller may answer "retry after".
    package var isTransient: Bool { code.remedy.isTransient }

    /// Whether the connection that gave this reply must be given up.
    package var closesConnection: Bool { code.remedy == .reconnect }

    private static func isCapital(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
    }
}

extension RedisError: CustomStringConvertible {
    package var description: String {
        message.hasPrefix(code.rawValue) ? message : "\(code.rawValue): \(message)"
    }
}
