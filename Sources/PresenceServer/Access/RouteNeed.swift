// Rollcall · PresenceServer

package import Access
import PresenceModel

/// The right that a route needs.
///
/// Every route states it, and the router checks it on the head of a request.
package enum RouteNeed: Hashable, Sendable {
    /// None: anyone may use the route, without a credential.
    case nothing
    /// None, but the handler shows more to a caller with rights.
    ///
    /// A credential that is not valid counts as none, because a probe must not fail for it.
    case optional
    /// To write presences on the topic in the path, and where the path has a key, under that key.
    case track
    /// To write presences on some topic; the handler asks for the right on each topic that the body names.
    case trackSomewhere
    /// To see the topic in the path.
    case see
    /// To see the presences of the key in the path.
    case seeKey
    /// A credential; the handler asks for the rights on each topic that the query or the body names.
    case each
    /// A right of backends or operators.
    case service(ServiceRight)
    /// To read what operators read: ``ServiceRight/operate``, or nothing on an open node.
    case operatorReading

    /// Whether a request needs a credential that is valid; only such requests count against the rates of callers.
    var isChecked: Bool { self != .nothing && self != .optional }

    /// Throws if the caller lacks the right.
    func check(_ caller: Caller, _ parameters: PathParameters) throws(Problem) {
        switch self {
        case .nothing, .optional, .each: break
        case .track:
            let topic = try parameters.topic()
            let key = try parameters.has("key") ? parameters.key() : nil
            try allow { () throws(Refusal) in
                if let key { try caller.requireWriting(key, on: topic) } else { _ = try caller.writer(on: topic) }
            }
        case .trackSomewhere:
            try allow { () throws(Refusal) in try caller.requireWritingSomewhere() }
        case .see:
            let topic = try parameters.topic()
            _ = try allow { () throws(Refusal) in try caller.view(of: topic, wanted: nil) }
        case .seeKey:
            let (topic, key) = (try parameters.topic(), try parameters.key())
            _ = try allow { () throws(Refusal) in try caller.view(of: key, on: topic) }
        case .service(let right):
            try allow { () throws(Refusal) in try caller.require(right) }
        case .operatorReading:
            try allow { () throws(Refusal) in try caller.requireReadingAsOperator() }
        }
    }
}
