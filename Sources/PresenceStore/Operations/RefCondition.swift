// Rollcall · PresenceStore

package import PresenceModel
import Redis

/// The condition of a write on the ref of its member (`If-Match`), which a script checks in the step that writes.
package enum RefCondition: Hashable, Sendable {
    /// Any ref: the member must be present.
    case any
    /// One of these refs; if there are none, no member fulfils the condition.
    case oneOf([Ref])

    /// Whether a present member with this ref fulfils the condition.
    func permits(_ ref: Ref) -> Bool {
        switch self {
        case .any: true
        case .oneOf(let refs): refs.contains(ref)
        }
    }

    /// The argument of a script: `*`, or the refs with commas between them.
    var argument: RedisArgument {
        switch self {
        case .any: "*"
        // A text that is shorter than a ref has none in it.
        case .oneOf(let refs) where refs.isEmpty: "-"
        case .oneOf(let refs): .string(refs.map(\.text).joined(separator: ","))
        }
    }
}
