// Rollcall · Access

package import PresenceModel

/// One revocation: the credentials that it refuses, and until when.
///
/// Or one removal: the key that may not come back to a topic yet.
package struct Revocation: Hashable, Sendable {
    package enum Target: Hashable, Sendable {
        /// The tokens of a user.
        case subject(Key)
        /// The tokens with this `jti`.
        case token(String)
        /// An API key, by its id.
        case apiKey(String)
        /// A key that was removed from a topic, or one of its sessions.
        case removed(Key, Session?, from: Topic)
    }

    /// 16 random characters.
    package let id: String
    package let target: Target
    /// When it was made, in seconds since 1970.
    package let madeAt: Double
    /// The time before which a refused token was issued, in seconds since 1970; nil for tokens of any time.
    package let issuedBefore: Double?
    /// The time until which everything that fits the target is refused, in seconds since 1970.
    package let refuseUntil: Double?

    /// Seconds for which a removed key may not come back.
    package static let removalSeconds = 60

    package init(_ target: Target, at now: Double, issuedBefore: Double? = nil, refuseUntil: Double? = nil) {
        self.init(
            id: Ref.random().text, target, madeAt: now, issuedBefore: issuedBefore, refuseUntil: refuseUntil)
    }

    init(id: String, _ target: Target, madeAt: Double, issuedBefore: Double?, refuseUntil: Double?) {
        self.id = id
        self.target = target
        self.madeAt = madeAt
        self.issuedBefore = issuedBefore
        self.refuseUntil = refuseUntil
    }

    /// A removal of a key, or of one of its sessions.
    package static func removal(of key: Key, _ session: Session?, from topic: Topic, at now: Double) -> Revocation {
        Revocation(.removed(key, session, from: topic), at: now, refuseUntil: now + Double(removalSeconds))
    }

    /// Whether a text may be the id of a revocation.
    package static func isID(_ text: String) -> Bool { Ref(utf8: text.utf8) != nil }

    /// The time after which it refuses nothing, in seconds since 1970; nil for one of an API key that must be lifted.
    ///
    /// A token that a node takes now ends within the longest life and two leeways: that of its `exp` ahead of the clock
    /// of the node, and that of its end.
    package var end: Double? {
        switch target {
        case .subject, .token:
            let last = max(madeAt, issuedBefore ?? madeAt) + TokenRules.longestLife + 2 * TokenRules.leeway
            return max(last, refuseUntil ?? last)
        case .apiKey, .removed: return refuseUntil
        }
    }

    /// Whether it has ended.
    package func hasEnded(at now: Double) -> Bool { end.map { $0 <= now } ?? false }

    /// Whether it refuses a credential that fits the target.
    ///
    /// - Parameter issuedAt: The `iat` of a token; nil, for one without, counts as the earliest time.
    func refuses(issuedAt: Double?, at now: Double) -> Bool {
        if hasEnded(at: now) { return false }
        if let refuseUntil, now < refuseUntil { return true }
        guard let issuedBefore else { return true }
        return issuedAt.map { $0 < issuedBefore } ?? true
    }
}
