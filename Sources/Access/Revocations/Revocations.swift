// Rollcall · Access

package import PresenceModel

/// All revocations and removals that a node knows.
///
/// A value without I/O, which each use of a credential asks. It keeps those that have ended until they are taken out,
/// and they refuse nothing.
package struct Revocations: Sendable {
    private let byID: [String: Revocation]
    private let byTarget: [Revocation.Target: [Revocation]]

    /// No revocations.
    package static let empty = Revocations([])

    package init(_ revocations: [Revocation]) {
        byID = Dictionary(revocations.map { ($0.id, $0) }) { first, _ in first }
        byTarget = Dictionary(grouping: byID.values, by: \.target)
    }

    package var isEmpty: Bool { byID.isEmpty }
    package var count: Int { byID.count }

    /// All of them, in no particular order.
    package var all: [Revocation] { Array(byID.values) }

    /// Those that the other set does not have.
    package func missing(in other: Revocations) -> [Revocation] {
        byID.values.filter { other.byID[$0.id] == nil }
    }

    // MARK: Refusals

    /// Whether the credential of a caller is revoked.
    package func refuses(_ caller: Caller, at now: Double) -> Bool {
        guard !isEmpty else { return false }
        switch (caller.identity, caller.credential) {
        case (.user(let key), .token(key: _, issuedAt: let issuedAt, jti: let jti)):
            return refuses(.subject(key), issuedAt: issuedAt, at: now)
                || (jti.map { refuses(.token($0), issuedAt: issuedAt, at: now) } ?? false)
        case (.apiKey(let id), _):
            return refuses(.apiKey(id), issuedAt: nil, at: now)
        default:
            return false
        }
    }

    /// Why a stream of a caller who came earlier must end; nil if it may go on.
    ///
    /// - Parameter topics: The topics that the stream follows.
    package func refusal(of caller: Caller, on topics: [Topic], at now: Double) -> Refusal? {
        if refuses(caller, at: now) { return .revoked(caller) }
        do throws(Refusal) {
            try caller.knowing(self, at: now).requireFollowing(topics)
            return nil
        } catch {
            return error
        }
    }

    /// Throws if a key, or that session of it, was removed from a topic and may not come back yet.
    func checkRemoval(of key: Key, _ session: Session? = nil, from topic: Topic, at now: Double) throws(Refusal) {
        guard !isEmpty else { return }
        var targets = [Revocation.Target.removed(key, nil, from: topic)]
        if session != nil { targets.append(.removed(key, session, from: topic)) }
        let ends = targets.flatMap { byTarget[$0] ?? [] }.compactMap(\.end)
        guard let end = ends.max(), end > now else { return }
        throw .removed(topic: topic.text, seconds: Int((end - now).rounded(.up)))
    }

    private func refuses(_ target: Revocation.Target, issuedAt: Double?, at now: Double) -> Bool {
        byTarget[target]?.contains { $0.refuses(issuedAt: issuedAt, at: now) } ?? false
    }
}

extension Refusal {
    /// A credential that is revoked.
    static func revoked(_ caller: Caller) -> Refusal {
        if case .apiKey(let id) = caller.identity {
            .unauthenticated(detail: "The API key \(id) was revoked.")
        } else {
            .token("was revoked")
        }
    }
}
