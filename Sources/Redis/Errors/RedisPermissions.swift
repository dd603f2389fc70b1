// Rollcall · Redis

/// The permissions that a server gives to the user of a connection, by the last ``RedisAdmission``.
package struct RedisPermissions: Sendable, Hashable {
    /// Names of commands, keys and channels that are not allowed.
    package var missing: [String] = []
    /// Why Redis takes no writes now.
    package var refusal: RedisError?

    package init(missing: [String] = [], refusal: RedisError? = nil) {
        self.missing = missing
        self.refusal = refusal
    }

    /// Whether a write may be sent.
    ///
    /// A full Redis still runs the scripts that need no memory, and refuses the others before they change anything.
    package var allowsWrites: Bool {
        missing.isEmpty && allowsRenewals
    }

    /// Whether a write may be sent that publishes nothing.
    package var allowsSilentWrites: Bool {
        RedisPermissions(missing: missing.filter { !Self.isAboutMessages($0) }, refusal: refusal).allowsWrites
    }

    /// Whether a renewal may be sent: missing rights do not matter, because Redis may stop it half-way without harm.
    package var allowsRenewals: Bool { refusal == nil || refusal?.code == .outOfMemory }

    /// Adds the missing rights that another connection of the same user found, where this one found none.
    func completed(by other: RedisPermissions) -> RedisPermissions {
        missing.isEmpty ? RedisPermissions(missing: other.missing, refusal: refusal) : self
    }

    private static func isAboutMessages(_ right: String) -> Bool {
        ["PUBLISH", "SUBSCRIBE", "UNSUBSCRIBE"].contains { right.hasPrefix($0) }
    }

    var isReadOnly: Bool { refusal?.code == .readOnly }

    /// The trouble that keeps commands from running, if any; `user` names the user in a sentence.
    func trouble(user: String) -> RedisTrouble? {
        guard missing.isEmpty else {
            let shown = missing.prefix(8).joined(separator: ", ")
            let rest = missing.count > 8 ? " and \(missing.count - 8) more" : ""
            return RedisTrouble(.rights, "NOPERM: \(user) may not use \(shown)\(rest)")
        }
        return refusal.map { RedisTrouble($0) }
    }

    /// Reads the two replies of an admission; throws an error reply that is no refusal of writes.
    init(rights: RedisValue, writing: RedisValue) throws(RedisError) {
        self.init()
        try read(rights: rights)
        try read(writing: writing)
    }

    mutating func read(rights value: RedisValue) throws(RedisError) {
        missing = (try value.get().elements ?? []).compactMap(\.string)
    }

    mutating func read(writing value: RedisValue) throws(RedisError) {
        guard case .error(let error) = value else { return refusal = nil }
        guard RedisTrouble(error).isRefusalOfWrites else { throw error }
        refusal = error
    }
}
