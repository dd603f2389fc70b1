// Rollcall · Redis

/// A user and a password; no description, dump or log shows them.
package struct RedisCredentials: Sendable, Hashable {
    /// Nil for the default user; AUTH then has the form that servers before 6.0 know too.
    package let user: String?
    package let password: String

    package init(user: String? = nil, password: String) {
        self.user = user
        self.password = password
    }
}

extension RedisCredentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "***" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection()) }
}
