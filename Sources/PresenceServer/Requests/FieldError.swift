// Rollcall · PresenceServer

package import Basics
import PresenceModel

/// One wrong field of a request: where it is and what is wrong with it.
package struct FieldError: Hashable, Sendable {
    package enum Location: Hashable, Sendable {
        /// A JSON Pointer (RFC 6901) as a URI fragment: `#/meta/status`.
        case pointer(String)
        /// A query or path parameter.
        case parameter(String)
        case header(String)
    }

    /// Faults that a problem lists at most; without a bound a small request could cause a large answer.
    static let mostListed = 20

    package let location: Location
    package let detail: String

    package init(_ location: Location, _ detail: String) {
        self.location = location
        self.detail = detail
    }

    package init(_ error: InputError) {
        switch error.location {
        case .pointer(let pointer): self.init(.pointer(pointer), error.detail)
        case .parameter(let name): self.init(.parameter(name), error.detail)
        }
    }

    /// The member's name and value in problem JSON.
    var member: (name: StaticString, value: String) {
        switch self.location {
        case .pointer(let pointer): ("pointer", pointer)
        case .parameter(let name): ("parameter", name)
        case .header(let name): ("header", name)
        }
    }
}
