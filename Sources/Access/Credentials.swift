// Rollcall · Access

import Synchronization

/// Finds the caller behind the credential of a request, without waiting: all keys are in memory.
///
/// Used on every thread.
package final class Credentials: Sendable {
    /// The keys that a node takes.
    package struct Keys: Sendable {
        package var apiKeys = APIKeys()
        package var tokenKeys = TokenKeys()
        package var rules = TokenRules()

        package init() {}

        var isEmpty: Bool { apiKeys.isEmpty && tokenKeys.isEmpty }
    }

    private struct State {
        /// The keys of the settings.
        var own: Keys
        /// The keys of a JWKS that a service fetches; nil before the first ones.
        var fetched: TokenKeys?
        /// What is revoked; nil before a service has read it.
        var revocations: Revocations?
        /// All keys that are valid now.
        private(set) var keys: Keys
        var tokens = TokenCache()

        init(own: Keys, fetched: TokenKeys? = nil, revocations: Revocations?) {
            (self.own, self.fetched, self.revocations, keys) = (own, fetched, revocations, own)
            if let fetched { keys.tokenKeys.add(fetched) }
        }
    }

    /// Whether a request without a credential is granted everything but the rights of operators.
    package let isOpen: Bool
    /// Whether a service fetches further keys.
    private let fetches: Bool
    private let state: Mutex<State>
    /// Asks the service that fetches keys to fetch them now; one request serves all before it.
    package let keyRequests: AsyncStream<Void>
    private let keyRequest: AsyncStream<Void>.Continuation

    /// - Parameters:
    ///   - fetches: Whether a service fetches further keys (``replace(fetched:)``).
    ///   - readsRevocations: Whether a service reads what is revoked (``replace(revocations:)``).
    package init(_ keys: Keys, isOpen: Bool, fetches: Bool = false, readsRevocations: Bool = false) {
        self.isOpen = isOpen
        self.fetches = fetches
        state = Mutex(State(own: keys, revocations: readsRevocations ? nil : Revocations.empty))
        (keyRequests, keyRequest) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// The credentials of a node that asks for none.
    package static let open = Credentials(Keys(), isOpen: true)

    /// Replaces the keys of the settings; streams of keys that are gone end (``holds(_:at:)``).
    package func replace(with keys: Keys) {
        state.withLock { $0 = State(own: keys, fetched: $0.fetched, revocations: $0.revocations) }
    }

    /// Replaces the keys of the JWKS.
    ///
    /// - Returns: Whether a key was added or removed.
    package func replace(fetched keys: TokenKeys) -> Bool {
        state.withLock { state in
            guard state.fetched?.ids != keys.ids else { return false }
            state = State(own: state.own, fetched: keys, revocations: state.revocations)
            return true
        }
    }

    /// Replaces what is revoked; does not end streams (``Revocations/refusal(of:on:at:)``).
    package func replace(revocations: Revocations) { state.withLock { $0.revocations = revocations } }

    /// What is revoked, as far as the node knows it.
    package var revocations: Revocations { state.withLock { $0.revocations ?? .empty } }

    /// Whether the node does not know yet what is revoked.
    package var awaitsRevocations: Bool { state.withLock { $0.revocations == nil } }

    /// Whether the keys of the JWKS have not come yet, so that tokens cannot be checked.
    package var awaitsKeys: Bool { fetches && state.withLock { $0.fetched == nil } }

    package func requestKeys() { keyRequest.yield() }

    /// The caller with this value of `Authorization`; nil is none.
    ///
    /// - Parameters:
    ///   - now: Seconds since 1970.
    ///   - beforeVerifying: Called before the signature of a token is verified; throws if it must not be.
    /// - Throws: ``Refusal/unauthenticated(detail:)``, and what `beforeVerifying` throws.
    package func caller(
        authorization: String?, at now: Double, beforeVerifying: () throws(Refusal) -> Void = {}
    ) throws(Refusal) -> Caller {
        let field = authorization.map { Array($0.utf8) }
        let (keys, revocations, known) = state.withLock { state in
            (state.keys, state.revocations ?? .empty, field.flatMap { state.tokens[$0] })
        }
        let caller = try caller(field, keys, known, at: now, beforeVerifying)
        if revocations.refuses(caller, at: now) { throw .revoked(caller) }
        return caller.knowing(revocations, at: now)
    }

    /// - Parameters:
    ///   - field: The value of `Authorization`.
    ///   - known: The token in it, if it was verified before.
    private func caller(
        _ field: [UInt8]?, _ keys: Keys, _ known: Token?, at now: Double,
        _ beforeVerifying: () throws(Refusal) -> Void
    ) throws(Refusal) -> Caller {
        if let known {
            try known.check(at: now)
            return Caller(known)
        }
        guard let field, let text = Self.bearer(field) else {
            if isOpen { return .open }
            throw .unauthenticated(detail: nil)
        }
        // An open node without keys can check no credential.
        if keys.isEmpty, !fetches, isOpen { return .open }
        if APIKey.isKey(text) {
            let key = try keys.apiKeys.key(of: text, at: Int(now))
            return Caller(
                .apiKey(key.id), rights: key.rights, credential: .apiKey(id: key.id, entry: key.entry),
                expiresAt: key.expiresAt.map(Double.init))
        }
        try beforeVerifying()
        if let kid = Token.kid(in: text), !keys.tokenKeys.has(kid: kid) { requestKeys() }
        // Verifying takes up to 100 µs, so no lock is held.
        let token = try Token(text, keys: keys.tokenKeys, rules: keys.rules, at: now)
        state.withLock { state in
            guard state.keys.tokenKeys.holds(token.keyID) else { return }
            state.tokens.insert(token, for: field)
        }
        return Caller(token)
    }

    /// The caller of an open connection, with the removals that the node knows now.
    ///
    /// - Parameter now: Seconds since 1970.
    /// - Throws: ``Refusal/unauthenticated(detail:)`` if its key is retired, or its credential has ended or is revoked.
    package func current(_ caller: Caller, at now: Double) throws(Refusal) -> Caller {
        let revocations = self.revocations
        if revocations.refuses(caller, at: now) { throw .revoked(caller) }
        guard holds(caller, at: now), caller.expiresAt.map({ now < $0 + TokenRules.leeway }) ?? true else {
            throw .unauthenticated(detail: "The credential of this connection has ended.")
        }
        return caller.knowing(revocations, at: now)
    }

    /// Whether the node still holds the key of a caller who came earlier, perhaps to another node.
    package func holds(_ caller: Caller, at now: Double) -> Bool {
        let keys = state.withLock { $0.keys }
        return switch caller.credential {
        case .none: isOpen
        case .apiKey(let id, let entry): keys.apiKeys.holds(id, entry: entry, at: Int(now))
        case .token(key: let key, issuedAt: _, jti: _): keys.tokenKeys.holds(key)
        }
    }

    /// The text behind `Bearer`, in any case; nil for another scheme.
    private static func bearer(_ field: [UInt8]) -> [UInt8]? {
        let scheme = "bearer "
        guard field.count > scheme.utf8.count,
            String(decoding: field[..<scheme.utf8.count], as: UTF8.self).lowercased() == scheme
        else { return nil }
        return Array(field[scheme.utf8.count...].drop { $0 == UInt8(ascii: " ") })
    }
}

extension Caller {
    fileprivate init(_ token: Token) {
        self.init(
            .user(token.subject), rights: token.rights,
            credential: .token(key: token.keyID, issuedAt: token.issuedAt, jti: token.jti), expiresAt: token.expiresAt)
    }
}
