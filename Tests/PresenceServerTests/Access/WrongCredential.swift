// Rollcall · PresenceServerTests

import Access
import AccessSamples
import Foundation

/// A credential that no route may take, or none at all.
enum WrongCredential: String, CaseIterable, Sendable {
    case none, malformed, expired, notYetValid, expTooFar, issuedInFuture, otherKey, algNone, unknownKid, wrongAudience
    /// HS256 with the text of a public RSA key as its secret, as it is and with the algorithm of that key.
    case publicKeyAsSecret, publicKeyAsSecretOfRS256
    /// A secret of the JWKS, and its key without `alg`.
    case secretOfJWKS, keyWithoutAlg
    case revokedSubject, revokedToken
    case unknownAPIKey, retiredAPIKey, expiredAPIKey, revokedAPIKey

    /// The value of `Authorization`; nil for none.
    func value(_ keys: SampleKeys) throws -> String? {
        let now = Int(Date().timeIntervalSince1970)
        let payload = SampleKeys.payload()
        let credential: String
        switch self {
        case .none: return nil
        case .malformed: credential = "x"
        case .expired: credential = SampleToken.hs256(SampleKeys.payload(lifetime: -60))
        case .notYetValid: credential = SampleToken.hs256(SampleKeys.payload(more: #""nbf":\#(now + 60)"#))
        case .expTooFar: credential = SampleToken.hs256(SampleKeys.payload(lifetime: 86_500))
        case .issuedInFuture: credential = SampleToken.hs256(SampleKeys.payload(more: #""iat":\#(now + 60)"#))
        case .otherKey: credential = SampleToken.hs256(payload, secret: Array(repeating: UInt8(7), count: 32))
        case .algNone:
            let parts = [#"{"alg":"none"}"#, payload].map { SampleToken.base64URL(Array($0.utf8)) }
            credential = "\(parts[0]).\(parts[1])."
        case .unknownKid: credential = try keys.provider.token(payload, kid: "x")
        case .wrongAudience: credential = SampleToken.hs256(SampleKeys.payload(audience: "other"))
        case .publicKeyAsSecret:
            credential = SampleToken.hs256(payload, secret: Array(SampleProvider.publicRSAKey.utf8))
        case .publicKeyAsSecretOfRS256:
            credential = SampleToken.hs256(
                payload, head: #"{"alg":"RS256"}"#, secret: Array(SampleProvider.publicRSAKey.utf8))
        case .secretOfJWKS:
            credential = SampleToken.hs256(
                payload, head: #"{"alg":"HS256","kid":"secret"}"#, secret: Array(SampleProvider.publishedSecret.utf8))
        case .keyWithoutAlg: credential = try keys.provider.token(payload, kid: "no-alg")
        case .revokedSubject: credential = SampleToken.hs256(SampleKeys.payload(SampleKeys.revokedSubject))
        case .revokedToken:
            credential = SampleToken.hs256(SampleKeys.payload(more: #""jti":"\#(SampleKeys.revokedID)""#))
        case .unknownAPIKey: credential = APIKey.draw().text
        case .retiredAPIKey: credential = keys.retired.text
        case .expiredAPIKey: credential = keys.expired.text
        case .revokedAPIKey: credential = keys.revoked.text
        }
        return "Bearer " + credential
    }
}
