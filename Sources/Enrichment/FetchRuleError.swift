// Rollcall · Enrichment

/// Says why a fetch rule cannot be used, naming the rule.
package struct FetchRuleError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// The settings cannot be read; the message names the member.
        case settings
        /// The database does not take the query, or what it gives is of no use; the message shows the query.
        case query
        /// The database could not be asked: the rule may be right.
        case unavailable
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
