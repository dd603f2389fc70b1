// Rollcall · PresenceServerTests

import Access
import AccessSamples
import Foundation
import JSONText
import PresenceModel
import PresenceServer

/// The keys of a node, and credentials made with them.
struct SampleKeys: Sendable {
    let all = APIKey.draw()
    let seeing = APIKey.draw()
    let expired = APIKey.draw()
    let retired = APIKey.draw()
    let revoked = APIKey.draw()
    /// The node has the JWKS of this provider too.
    let provider = SampleProvider()
    /// A user of whom all tokens are revoked, and the `jti` of a revoked token.
    static let revokedSubject = "mallory"
    static let revokedID = "stolen"

    func credentials(readsRevocations: Bool = false) async throws -> Credentials {
        func entry(_ key: (id: String, text: String), _ members: String) -> String {
            #"{"id":"\#(key.id)","sha256":"\#(APIKey.sha256(of: key.text))",\#(members)}"#
        }
        let rights = #""topic_prefixes":{"":["track:any","see"]}"#
        var keys = Credentials.Keys()
        keys.apiKeys = try APIKeys(
            JSON(
                parsing: "["
                    + [
                        entry(all, rights + #","service":["enrich","operate","revoke","remove"]"#),
                        entry(seeing, #""topic_prefixes":{"room:":["see"]}"#),
                        entry(expired, rights + #","expires_at":"2020-01-01T00:00:00Z""#), entry(revoked, rights),
                    ].joined(separator: ",") + "]"))
        keys.tokenKeys = try await TokenKeys(secret: SampleToken.secret)
        keys.tokenKeys.add(try await TokenKeys(SampleProvider.publicRSAKey))
        keys.tokenKeys.add(try await TokenKeys(provider.jwks))
        keys.rules = TokenRules(audience: "rollcall")
        let credentials = Credentials(keys, isOpen: false, readsRevocations: readsRevocations)
        if !readsRevocations {
            let now = Date().timeIntervalSince1970
            credentials.replace(
                revocations: Revocations([
                    Revocation(.subject(try Key(Self.revokedSubject)), at: now, issuedBefore: now),
                    Revocation(.token(Self.revokedID), at: now), Revocation(.apiKey(revoked.id), at: now),
                ]))
        }
        return credentials
    }

    func token(_ subject: String = "alice", rights: String, lifetime: Double = 600, more: String = "") -> String {
        SampleToken.hs256(Self.payload(subject, rights: rights, lifetime: lifetime, more: more))
    }

    static func payload(
        _ subject: String = "alice", rights: String = #"{"topic_prefixes":{"":["track","see"]}}"#,
        lifetime: Double = 600, audience: String = "rollcall", more: String = ""
    ) -> String {
        SampleToken.payload(
            subject, rights: rights, lifetime: lifetime,
            more: #""aud":"\#(audience)""# + (more.isEmpty ? "" : "," + more))
    }
}

/// Runs a server that needs credentials of these keys.
func withSampleKeys(
    origins: OriginPolicy = OriginPolicy(), isForOperators: Bool = false,
    _ body: @Sendable (TestServer, SampleKeys) async throws -> Void
) async throws {
    let keys = SampleKeys()
    try await withServer(
        credentials: try await keys.credentials(), origins: origins, isForOperators: isForOperators
    ) { server in try await body(server, keys) }
}
