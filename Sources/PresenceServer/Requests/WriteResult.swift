// Rollcall · PresenceServer

import Access
import HTTPTypes
import Hummingbird
import PresenceModel
import PresenceStore

/// The result of one write, in a batch or in a request of its own.
enum WriteResult: Sendable {
    case receipt(HTTPResponse.Status, Topic, Member, Receipt)
    case done
    case problem(Problem)

    init(_ outcome: TrackOutcome, of member: Member, on topic: Topic) {
        switch outcome {
        case .created(let receipt): self = .receipt(.created, topic, member, receipt)
        case .changed(let receipt), .unchanged(let receipt): self = .receipt(.ok, topic, member, receipt)
        case .conflict(let ref): self = .problem(.conflict(with: ref))
        case .moved(let ref): self = .problem(.moved(to: ref))
        }
    }

    init(_ outcome: UpdateOutcome, of member: Member, on topic: Topic) {
        switch outcome {
        case .changed(let receipt), .unchanged(let receipt): self = .receipt(.ok, topic, member, receipt)
        case .absent, .moved, .invalid: self = .problem(Problem(outcome) ?? .absent())
        }
    }

    init(_ outcome: HeartbeatOutcome, of member: Member, on topic: Topic) {
        switch outcome {
        case .renewed(let receipt): self = .receipt(.ok, topic, member, receipt)
        case .absent: self = .problem(.absent("Nothing is present here to be renewed; track it again."))
        case .moved(let ref): self = .problem(.moved(to: ref))
        }
    }

    init(_ outcome: UntrackOutcome) {
        switch outcome {
        case .removed, .absent: self = .done
        case .moved(let ref): self = .problem(.moved(to: ref))
        }
    }

    /// The answer to a request of its own.
    func response(to caller: Caller) throws(Problem) -> Response {
        switch self {
        case .receipt(let status, let topic, let member, let receipt):
            return ReceiptBody(topic: topic, member: member, receipt: receipt, to: caller).response(status)
        case .done: return Response(status: .noContent)
        case .problem(let problem): throw problem
        }
    }

    /// Writes `"status":201,…` or `"status":404,"problem":{…}`.
    func write(to caller: Caller, instance: String, under base: BasePath, to json: inout JSONObjectWriter) {
        switch self {
        case .receipt(let status, let topic, let member, let receipt):
            json.int("status", status.code)
            ReceiptBody(topic: topic, member: member, receipt: receipt, to: caller).write(to: &json)
        case .done:
            json.int("status", HTTPResponse.Status.noContent.code)
        case .problem(let problem):
            json.int("status", problem.kind.status.code)
            json.raw("problem") { $0.append(contentsOf: problem.json(instance: instance, under: base)) }
        }
    }

    /// The problem, if it is a 503 of the store.
    var unavailability: Problem? {
        if case .problem(let problem) = self, problem.kind == .unavailable { problem } else { nil }
    }
}
