// Rollcall · Access

import Basics
import JSONText
import PresenceModel

/// A token with a signature that was verified.
struct Token: Sendable {
    let subject: Key
    let rights: Rights
    /// `exp`, in seconds since 1970.
    let expiresAt: Double
    private let notBefore: Double?
    /// `iat`, in seconds since 1970.
    let issuedAt: Double?
    /// `jti`; nil also if it is no text, or longer than ``TokenRules/maximumIDBytes``.
    let jti: String?
    /// The key that signed it.
    let keyID: [UInt8]

    /// Throws if the token is not valid at a time; called at each use.
    func check(at now: Double) throws(Refusal) {
        guard expiresAt > now - TokenRules.leeway else { throw .token("has expired") }
        if let notBefore, notBefore > now + TokenRules.leeway { throw .token("is not valid yet (nbf)") }
    }
}

extension Token {
    /// Verifies the signature of a token, and reads what it says.
    ///
    /// - Throws: ``Refusal/unauthenticated(detail:)`` with the reason.
    init(_ text: [UInt8], keys: TokenKeys, rules: TokenRules, at now: Double) throws(Refusal) {
        guard text.count <= TokenRules.maximumBytes else {
            throw .token("has \(text.count) bytes; \(TokenRules.maximumBytes) are the most")
        }
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, let signature = Base64URL.decode(parts[2]) else {
            throw .token("is no JWT: three parts in base64url, with dots between them")
        }
        let head = try Self.json(parts[0], named: "head")
        guard let algorithm = head["alg"]?.string else { throw .token("has no alg") }
        guard head["crit"] == nil else { throw .token("has crit, of which this node knows no extension") }
        let candidates = keys.candidates(kid: head["kid"]?.string, algorithm: algorithm)
        guard !candidates.isEmpty else {
            throw .token("is signed by a key or an algorithm that this node does not have")
        }
        let signed = text[..<(text.endIndex - parts[2].count - 1)]
        guard let key = candidates.first(where: { $0.isSignature(signature, of: signed) }) else {
            throw .token("has a wrong signature")
        }
        try self.init(claims: Self.json(parts[1], named: "payload"), keyID: key.id, rules: rules, at: now)
    }

    private init(claims: JSON, keyID: [UInt8], rules: TokenRules, at now: Double) throws(Refusal) {
        guard let end = try Self.time("exp", in: claims) else { throw .token("has no exp") }
        guard end <= now + TokenRules.longestLife + TokenRules.leeway else {
            throw .token("has an exp that is over \(Int(TokenRules.longestLife / 3600)) hours ahead")
        }
        issuedAt = try Self.time("iat", in: claims)
        if let issuedAt, issuedAt > now + TokenRules.leeway { throw .token("is issued in the future (iat)") }
        if let issuer = rules.issuer, claims["iss"]?.string != issuer { throw .token("has another iss than \(issuer)") }
        try Self.checkAudience(claims["aud"], rules.audience)
        guard let text = claims["sub"]?.string else { throw .token("has no sub") }
        do {
            subject = try Key(text)
        } catch {
            throw .token("has a sub that is no key: \(error.detail)")
        }
        do throws(InputError) {
            if let claim = claims["rollcall"] {
                rights = try Rights(claim, of: .token, at: .pointer("#/rollcall"))
            } else {
                rights = Rights()
            }
        } catch {
            throw .token("has wrong rights at \(error.pointer ?? "#/rollcall"): \(error.detail)")
        }
        notBefore = try Self.time("nbf", in: claims)
        jti = claims["jti"]?.string.flatMap { $0.utf8.count <= TokenRules.maximumIDBytes ? $0 : nil }
        expiresAt = end
        self.keyID = keyID
        try check(at: now)
    }

    /// The `kid` in the head of a text that may be a token.
    static func kid(in text: [UInt8]) -> String? {
        try? json(text.prefix(TokenRules.maximumBytes).prefix { $0 != UInt8(ascii: ".") }, named: "head")["kid"]?.string
    }

    private static func json(_ part: ArraySlice<UInt8>, named name: String) throws(Refusal) -> JSON {
        guard let bytes = Base64URL.decode(part), let json = try? JSON(parsing: bytes), json.isObject else {
            throw .token("has a \(name) that is no JSON object in base64url")
        }
        return json
    }

    /// Reads a NumericDate (RFC 7519 §2), which may have a fraction.
    private static func time(_ name: String, in claims: JSON) throws(Refusal) -> Double? {
        guard let value = claims[name] else { return nil }
        guard let seconds = value.seconds else { throw .token("has a \(name) that is no number of seconds") }
        return seconds
    }

    private static func checkAudience(_ value: JSON?, _ audience: String?) throws(Refusal) {
        let named = value.map { $0.string.map { [$0] } ?? $0.elements?.compactMap(\.string) ?? [] }
        guard let audience else {
            guard value == nil else {
                throw .token("is for another audience: this node has no name of its own to find in aud")
            }
            return
        }
        guard named?.contains(audience) == true else { throw .token("is not for the audience \(audience)") }
    }
}

extension Refusal {
    /// A token that is refused: what it has, or is.
    static func token(_ reason: String) -> Refusal { .unauthenticated(detail: "The token \(reason).") }
}
