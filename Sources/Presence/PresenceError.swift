// Rollcall · Presence

/// Says what is wrong with something given to the domain, where it stands, and what would be right.
package struct PresenceError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of fault, which decides the answer's status.
    package enum Code: String, Sendable {
        /// Cannot be read at all: broken JSON, a name that is none (400).
        case malformed
        /// Reads well but is longer than its limit (413).
        case tooLarge
        /// Reads well but means nothing here (422).
        case invalid
        /// What we stored ourselves cannot be read back (500): never the caller's fault.
        case corrupt
    }

    /// Where the fault stands: in the body, or in the path or query.
    package enum Location: Hashable, Sendable {
        /// An RFC 6901 pointer in its URI fragment form: `#/meta/phx_ref`; `#` is the whole body.
        case pointer(String)
        /// A name in the query or a placeholder of the path.
        case parameter(String)
    }

    package let code: Code
    package let location: Location
    /// One or two sentences for a person.
    package let detail: String

    package init(_ code: Code, at location: Location, _ detail: String) {
        self.code = code
        self.location = location
        self.detail = detail
    }

    /// The place in the body, if the fault is there.
    package var pointer: String? {
        if case .pointer(let text) = location { text } else { nil }
    }

    /// The query or path parameter, if the fault is there.
    package var parameter: String? {
        if case .parameter(let name) = location { name } else { nil }
    }

    package var description: String {
        switch location {
        case .pointer(let text): "\(code) at \(text): \(detail)"
        case .parameter(let name): "\(code) parameter \(name): \(detail)"
        }
    }

    /// Returns the same fault at another place.
    package func at(_ location: Location) -> PresenceError {
        PresenceError(code, at: location, detail)
    }

    /// Returns the same fault, its pointer moved below `base` (`#/operations/3`); a parameter stays what it is.
    package func under(_ base: String) -> PresenceError {
        guard let pointer else { return self }
        return at(.pointer(base + pointer.dropFirst()))
    }
}
