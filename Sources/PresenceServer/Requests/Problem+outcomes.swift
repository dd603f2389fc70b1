// Rollcall · PresenceServer

import HTTPTypes
import PresenceModel
import PresenceStore

extension Problem {
    static func conflict(with ref: Ref) -> Problem {
        Problem(.presenceExists, "This session is already present; PUT to its address replaces it.", ref: ref)
    }

    /// - Parameter ref: The present ref; nil if the presence is absent.
    static func moved(to ref: Ref?) -> Problem {
        let detail = ref.map { "The presence's phx_ref is \($0) now." }
        return Problem(.refMoved, detail ?? "Nothing is present here, so no phx_ref can match.", ref: ref)
    }

    /// The problem of an update that failed; nil for one that succeeded.
    init?(_ outcome: UpdateOutcome) {
        switch outcome {
        case .changed, .unchanged: return nil
        case .absent: self = .absent()
        case .moved(let ref): self = .moved(to: ref)
        case .invalid(let error): self.init(error)
        }
    }
}

extension Array {
    /// The only result of a store call about one presence.
    func only() throws(Problem) -> Element {
        guard let element = self.first else { throw Problem(.internalError, "The store gave no result.") }
        return element
    }
}
