// Rollcall · PresenceServer

package import Access
import HTTPTypes

/// Asks for a right; a refusal becomes a problem.
func allow<Result>(_ decide: () throws(Refusal) -> Result) throws(Problem) -> Result {
    do throws(Refusal) {
        return try decide()
    } catch {
        throw Problem(error)
    }
}

extension Credentials {
    /// Throws if the node cannot know yet whether a credential is revoked.
    func requireRevocations() throws(Problem) {
        guard awaitsRevocations else { return }
        throw .unavailable("This node has not read yet which credentials are revoked: it has not reached Redis.")
    }
}

extension Problem {
    init(_ refusal: Refusal) {
        switch refusal {
        case .unauthenticated(let detail):
            self.init(
                .unauthenticated,
                detail ?? "This request needs a credential: Authorization: Bearer, with an API key or a token.")
            headers[.wwwAuthenticate] = Self.challenge + (detail == nil ? "" : #", error="invalid_token""#)
        case .forbidden(let missing):
            self.init(.forbidden, "The credential lacks the right \(missing).")
            self.missing = missing
            headers[.wwwAuthenticate] = Self.challenge + #", error="insufficient_scope""#
        case .tooManyFailures(let standing, let address):
            self = .rateLimited([standing], of: .address(address))
            RateFields.write(standing, to: &headers)
        case .removed(let topic, let seconds):
            self.init(
                .removed, "The key was removed from the topic \(quoted(topic)) and may come back in \(seconds) s.")
            headers[.retryAfter] = String(seconds)
        }
    }

    private static let challenge = #"Bearer realm="rollcall""#
}

extension MissingRight: CustomStringConvertible {
    /// The right and its names, as a part of a sentence.
    package var description: String {
        switch scope {
        case .topic(let topic): "\(right) on the topic \(quoted(topic))"
        case .topicPrefix(let prefix): "\(right) on all topics that begin with \(quoted(prefix))"
        case .anyTopic: "\(right) on any topic"
        case .service: right
        }
    }
}

extension MissingRight {
    /// Writes the members of `missing`.
    func write(to json: inout JSONObjectWriter) {
        json.string("right", right)
        switch scope {
        case .topic(let topic): json.string("topic", topic)
        case .topicPrefix(let prefix): json.string("topic_prefix", prefix)
        case .anyTopic, .service: break
        }
    }
}
