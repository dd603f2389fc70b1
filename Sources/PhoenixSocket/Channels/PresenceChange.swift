// Rollcall · PhoenixSocket

package import Basics
package import JSONText
package import PresenceModel

/// A change of its own presence that a client asks for, by an event on its channel.
///
/// | event | payload | change |
/// |---|---|---|
/// | `update` | `{"meta":{…}}` | another meta |
/// | `update` | `{"patch":{…}}` | an RFC 7396 patch of the meta |
/// | `track` | `{"meta":{…}}` | present, with this meta |
/// | `untrack` | `{}` | absent; the channel observes |
/// | `presence`, of supabase | `{"event":"track","payload":{…}}` | present, with the payload as meta |
/// | `presence`, of supabase | `{"event":"untrack"}` | absent |
package enum PresenceChange: Sendable {
    case update(Meta)
    case patch(JSON)
    /// Nil keeps the meta of a presence that is there, or takes the default.
    case track(Meta?)
    case untrack

    /// Reads a message; nil for an event that is not known.
    ///
    /// - Throws: For a payload that is wrong for every presence.
    package init?(_ message: ClientMessage, limits: Limits) throws(InputError) {
        guard case .json(let payload) = message.payload else { return nil }
        let known = ["update", "track", "untrack", "presence"]
        guard known.contains(message.event) else { return nil }
        try payload.requireSound(at: .pointer("#"))
        switch message.event {
        case "update":
            self = try Self.readUpdate(payload, limits)
        case "track":
            self = .track(try Self.meta(payload.member("meta"), limits))
        case "untrack":
            self = .untrack
        default:
            switch payload["event"]?.string {
            case "track": self = .track(try Self.meta(payload.member("payload"), limits))
            case "untrack": self = .untrack
            default: return nil
            }
        }
    }

    private static func readUpdate(_ payload: JSON, _ limits: Limits) throws(InputError) -> PresenceChange {
        switch (payload.member("meta"), payload.member("patch")) {
        case (let meta?, nil):
            return .update(try Meta(meta, limit: limits.maximumMetaBytes))
        case (nil, let patch?):
            try Meta.checkPatch(patch, at: .pointer("#/patch"))
            return .patch(patch)
        case (nil, nil), (_?, _?):
            throw InputError(.invalid, at: .pointer("#"), "An update has either meta or patch.")
        }
    }

    private static func meta(_ json: JSON?, _ limits: Limits) throws(InputError) -> Meta? {
        guard let json else { return nil }
        return try Meta(json, limit: limits.maximumMetaBytes)
    }

    /// Whether a later ``update(_:)`` takes its effect away.
    var isUpdate: Bool {
        switch self {
        case .update, .patch: true
        case .track, .untrack: false
        }
    }
}

/// The result of a change.
package enum ChangeOutcome: Hashable, Sendable {
    /// It was made; the ref is that of the presence, nil if it is absent now.
    case done(Ref?)
    /// It was not made; the reason is the title of the problem that a request of its own would get.
    case failed(reason: String)
}

extension InputError {
    /// The title of the problem that a PATCH with the same fault gets.
    package var reason: String {
        switch code {
        case .tooLarge: "The meta is too large"
        case .malformed, .invalid: "The request has fields that are wrong"
        case .corrupt: "The server failed"
        }
    }
}
