// Rollcall · Access

package import PresenceModel

/// Who makes a request, and what they may do: the one place that decides.
///
/// A value without I/O. Requests, streams and each operation of a batch ask it the same questions.
package struct Caller: Sendable {
    package enum Identity: Hashable, Sendable {
        /// A caller that is not checked.
        case unknown
        /// A caller of an open node, who gave no credential.
        case open
        /// A backend, by the id of its API key.
        case apiKey(String)
        /// A user, by the `sub` of the token, which is the key of its presences.
        case user(Key)
    }

    /// The key behind a credential, which a node may retire while a stream is open.
    enum Credential: Hashable, Sendable {
        case none
        case apiKey(id: String, entry: [UInt8])
        case token(key: [UInt8], issuedAt: Double?, jti: String?)
    }

    package let identity: Identity
    package let rights: Rights
    let credential: Credential
    /// The time at which the credential ends, in seconds since 1970; nil for one without an end.
    package let expiresAt: Double?
    /// All removals, of which some may be of the caller.
    private var revocations = Revocations.empty
    /// The time of the request, in seconds since 1970.
    private var time = 0.0

    init(_ identity: Identity, rights: Rights, credential: Credential = .none, expiresAt: Double? = nil) {
        self.identity = identity
        self.rights = rights
        self.credential = credential
        self.expiresAt = expiresAt
    }

    /// The caller of an open node: everything but the rights of operators.
    package static let open = Caller(.open, rights: .open)

    /// The time at which a stream that begins now must end, in seconds since 1970; nil for no end.
    ///
    /// It is the end of the credential. If that has just passed, the stream has the leeway of clocks in addition.
    package func end(at now: Double) -> Double? {
        expiresAt.map { $0 > now ? $0 : $0 + TokenRules.leeway }
    }

    /// A caller that may do nothing: of a request that is not checked yet, or that needs no right.
    package static let withoutRights = Caller(.unknown, rights: Rights())

    /// The key under which a user is present; nil for any other caller.
    package var userKey: Key? { if case .user(let key) = identity { key } else { nil } }

    /// The caller as a stream keeps it: without rights and removals, which were checked when it was opened.
    package var kept: Caller { Caller(identity, rights: Rights(), credential: credential, expiresAt: expiresAt) }

    /// The caller with the removals as of now, which it is subject to.
    func knowing(_ revocations: Revocations, at now: Double) -> Caller {
        var caller = self
        (caller.revocations, caller.time) = (revocations, now)
        return caller
    }
}

// MARK: - Removals

extension Caller {
    /// Throws if a presence may not be tracked, because it was removed from the topic a moment ago.
    package func requireTracking(_ member: Member, on topic: Topic) throws(Refusal) {
        try revocations.checkRemoval(of: member.key, member.session, from: topic, at: time)
    }

    /// Throws if the user, or the presence that a stream is, was removed from one of its topics a moment ago.
    package func requireFollowing(_ topics: [Topic], as member: Member? = nil) throws(Refusal) {
        for topic in topics {
            if let userKey { try revocations.checkRemoval(of: userKey, from: topic, at: time) }
            if let member { try requireTracking(member, on: topic) }
        }
    }

    /// The rights on a topic; throws if the user was removed from it a moment ago.
    private func right(on topic: Topic) throws(Refusal) -> TopicRight {
        if let userKey { try revocations.checkRemoval(of: userKey, from: topic, at: time) }
        return rights.on(topic.text)
    }
}

// MARK: - Writing

extension Caller {
    /// The keys that a caller may track on a topic.
    package enum Writer: Hashable, Sendable {
        case anyKey
        case own(Key)
    }

    /// Returns which keys the caller may track, update, renew and untrack on a topic.
    package func writer(on topic: Topic) throws(Refusal) -> Writer {
        let right = try right(on: topic).track
        if right == .any { return .anyKey }
        guard let userKey else { throw .forbidden(MissingRight("track:any", .topic(topic.text))) }
        guard right == .own else { throw .forbidden(MissingRight("track", .topic(topic.text))) }
        return .own(userKey)
    }

    /// Throws if the caller may not write presences of a key on a topic.
    package func requireWriting(_ key: Key, on topic: Topic) throws(Refusal) {
        guard case .own(let own) = try writer(on: topic), own != key else { return }
        throw .forbidden(MissingRight("track:any", .topic(topic.text)))
    }

    /// Throws if there is no topic on which the caller may write presences.
    package func requireWritingSomewhere() throws(Refusal) {
        let (least, word): (TopicRight.Track, String) = userKey == nil ? (.any, "track:any") : (.own, "track")
        guard rights.topics.contains(where: { $0.track >= least }) else {
            throw .forbidden(MissingRight(word, .anyTopic))
        }
    }

    /// Whether an answer may show the position of a topic, which changes with every presence on it.
    package func seesPosition(of topic: Topic) -> Bool { rights.on(topic.text).see >= .count }
}

// MARK: - Reading

extension Caller {
    /// Returns what the caller sees of a topic: what is wanted, or the most that is allowed if nothing is named.
    ///
    /// - Parameter least: The level that makes sense of the request, if it names none.
    package func view(
        of topic: Topic, wanted: TopicRight.See?, least: TopicRight.See = .count
    ) throws(Refusal) -> TopicRight.See {
        let allowed = try right(on: topic).see
        let wanted = wanted ?? max(allowed, least)
        guard wanted <= allowed else { throw .forbidden(MissingRight(wanted.word, .topic(topic.text))) }
        return wanted
    }

    /// Returns what the caller sees of a key's presences on a topic: ``TopicRight/See/keys`` or more.
    ///
    /// One's own presences need the right to track only.
    package func view(of key: Key, on topic: Topic) throws(Refusal) -> TopicRight.See {
        let right = try right(on: topic)
        if key == userKey, right.track == .own { return .full }
        guard right.see >= .keys else { throw .forbidden(MissingRight("see:keys", .topic(topic.text))) }
        return right.see
    }

    /// Returns which topics a list of those that begin with a prefix shows.
    package func topics(withPrefix prefix: String) throws(Refusal) -> TopicFilter {
        guard let right = rights.topics.value(ofAll: prefix), right.see >= .count else {
            throw .forbidden(MissingRight("see:count", .topicPrefix(prefix)))
        }
        return TopicFilter(rights: rights.topics, isWhole: !rights.topics.hasOthers(within: prefix))
    }

    /// Throws if the caller lacks a right of a backend or an operator.
    package func require(_ right: ServiceRight) throws(Refusal) {
        guard rights.service.contains(right) else { throw .forbidden(MissingRight(right.rawValue, .service)) }
    }
}

// MARK: - Operating

extension Caller {
    /// Whether the caller may read metrics and checks: with the right `operate`, or without a credential, on an open
    /// node.
    ///
    /// They show less than the presences, which an open node shows to the same callers. An open node does not grant the
    /// right itself, because it is for more than reading.
    package var readsAsOperator: Bool { identity == .open || rights.service.contains(.operate) }

    /// Throws if the caller may not read metrics and checks.
    package func requireReadingAsOperator() throws(Refusal) {
        if !readsAsOperator { try require(.operate) }
    }
}

/// The topics of a list that a caller may see.
package struct TopicFilter: Sendable {
    fileprivate let rights: NamePatterns<TopicRight>
    /// Whether the caller may see all of them, so that no topic needs to be looked at.
    package let isWhole: Bool

    package func shows(_ topic: Topic) -> Bool { isWhole || (rights.value(of: topic.text)?.see ?? .nothing) >= .count }
}

extension Rights {
    fileprivate static let open: Rights = {
        var rights = Rights()
        rights.topics.set(.all, forPrefix: "")
        rights.keys.set(true, forPrefix: "")
        rights.service = Set(ServiceRight.allCases).subtracting([.operate, .revoke, .remove])
        return rights
    }()
}
