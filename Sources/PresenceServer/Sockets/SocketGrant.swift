// Rollcall · PresenceServer

import Access
import PhoenixSocket
import PresenceModel
import PresenceText

/// What a caller may do on the topic of a join.
struct SocketGrant: Sendable {
    /// What the channel shows of the topic; nothing for one that has its own presence only.
    let see: TopicRight.See
    let mayTrack: Bool

    /// Decides about a join.
    ///
    /// A user who sees the topic and may not track on it observes: the clients of Phoenix's guides join in any case,
    /// and a page that only reads must work.
    ///
    /// - Parameter view: What the client wants to see; nil for the most that it may.
    init(_ caller: Caller, _ request: JoinRequest, view: View?) throws(Problem) {
        let topic = request.topic
        let see = try caller.see([topic], wanted: view, isPresence: request.member != nil)
        try allow { () throws(Refusal) in try caller.requireFollowing([topic], as: request.member) }
        self.see = see
        guard let member = request.member else {
            mayTrack = false
            return
        }
        let refusal = Self.refusal(of: member, on: topic, caller)
        mayTrack = refusal == nil
        if let refusal {
            guard case .forbidden = refusal, caller.userKey != nil, see != .nothing else { throw Problem(refusal) }
        }
    }

    /// Throws if the caller may not write the presence any more.
    static func check(_ caller: Caller, _ member: Member, on topic: Topic) throws(Problem) {
        try allow { () throws(Refusal) in
            try caller.requireWriting(member.key, on: topic)
            try caller.requireTracking(member, on: topic)
        }
    }

    private static func refusal(of member: Member, on topic: Topic, _ caller: Caller) -> Refusal? {
        do throws(Refusal) {
            try caller.requireWriting(member.key, on: topic)
            return nil
        } catch {
            return error
        }
    }
}

extension Problem {
    /// The reason of a refused join, for the client; docs/phoenix.md lists them.
    var joinReason: String {
        switch kind {
        case .forbidden, .removed, .unauthenticated, .tokenExpired, .socketRefused: "unauthorized"
        case .unavailable: "unavailable"
        case .nodeFull: "node full"
        case .limitReached: "limit reached"
        case .rateLimited: "rate limited"
        default: kind.title
        }
    }
}
