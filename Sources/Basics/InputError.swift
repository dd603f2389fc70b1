// Rollcall · Basics

/// The fault of an input: its kind, its place, and the rule that the input breaks.
package struct InputError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of fault, which decides the answer's status.
    package enum Code: String, Sendable {
        /// The input cannot be read: broken JSON, or text that is no name (400).
        case malformed
        /// The input can be read, but is longer than its limit (413).
        case tooLarge
        /// The input can be read, but its value is not allowed (422; 400 in a path or a query).
        case invalid
        /// A stored value cannot be read (500); the caller's input is not the cause.
        case corrupt
    }

    /// The place of the fault: in the body, or in the path or query.
    package enum Location: Hashable, Sendable {
        /// An RFC 6901 pointer in its URI fragment form: `#/meta/phx_ref`; `#` is the whole body.
        case pointer(String)
        /// The name of a query parameter or of a placeholder in the path.
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
    package func at(_ location: Location) -> InputError {
        InputError(code, at: location, detail)
    }
}
