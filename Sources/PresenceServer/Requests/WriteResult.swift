// Rollcall · PresenceServer

import HTTPTypes
import Presence
import PresenceStore

/// What became of one operation of a batch: what its single request would have answered.
enum BatchResult: Sendable {
    case receipt(HTTPResponse.Status, Topic, Member, Receipt)
    case done
    case problem(Problem)

    init(_ outcome: TrackOutcome, of operation: BatchOperation) {
        switch outcome {
        case .created(let receipt): self = .receipt(.created, operation.topic, operation.member, receipt)
        case .changed(let receipt), .unchanged(let receipt):
            self = .receipt(.ok, operation.topic, operation.member, receipt)
        case .conflict(let ref): self = .problem(.conflict(with: ref))
        }
    }

    init(_ outcome: UpdateOutcome, of operation: BatchOperation) {
        switch outcome {
        case .changed(let receipt), .unchanged(let receipt):
            self = .receipt(.ok, operation.topic, operation.member, receipt)
        case .absent, .moved, .invalid: self = .problem(Problem(outcome) ?? .absent())
        }
    }

    init(_ outcome: HeartbeatOutcome, of operation: BatchOperation) {
        switch outcome {
        case .renewed(let receipt): self = .receipt(.ok, operation.topic, operation.member, receipt)
        case .absent: self = .problem(.absent())
        }
    }

    /// Writes `"status":201,…` or `"status":404,"problem":{…}`.
    func write(instance: String, to json: inout JSONObjectWriter) {
        switch self {
        case .receipt(let status, let topic, let member, let receipt):
            json.int("status", status.code)
            ReceiptBody(topic: topic, member: member, receipt: receipt).write(to: &json)
        case .done:
            json.int("status", HTTPResponse.Status.noContent.code)
        case .problem(let problem):
            json.int("status", problem.kind.status.code)
            json.raw("problem") { $0.append(contentsOf: problem.json(instance: instance)) }
        }
    }

    /// The problem, if it says that Redis could not be asked.
    var unavailability: Problem? {
        if case .problem(let problem) = self, problem.kind == .unavailable { problem } else { nil }
    }
}
