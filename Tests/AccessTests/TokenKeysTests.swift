// Rollcall · AccessTests

import AccessSamples
import Basics
import Crypto
import CryptoExtras
import Foundation
import PresenceModel
import Testing

@testable import Access

@Suite("Keys of tokens")
struct TokenKeysTests {
    private let now = 1_800_000_000.0
    private let p256 = P256.Signing.PrivateKey()
    private let ed25519 = Curve25519.Signing.PrivateKey()

    // MARK: PEM

    @Test func `a PEM key fixes the algorithm of its tokens`() async throws {
        let keys = try await TokenKeys(
            [p256.publicKey.pemRepresentation, Self.ed25519PEM(ed25519)].joined(separator: "\n"))
        #expect(keys.keys.map(\.algorithm) == ["ES256", "EdDSA"])
        #expect(try subject(SampleToken.es256(payload, key: p256), keys) == "alice")
        #expect(try subject(SampleToken.eddsa(payload, key: ed25519), keys) == "alice")
        #expect(throws: Refusal.self) { try subject(SampleToken.es256(payload, key: P256.Signing.PrivateKey()), keys) }
        #expect(throws: Refusal.self) {
            try subject(SampleToken.es256(payload, head: #"{"alg":"EdDSA"}"#, key: p256), keys)
        }
    }

    @Test func `HS256 with a public key as its secret is refused`() async throws {
        let rsa = try _RSA.Signing.PrivateKey(keySize: .bits2048)
        let pem = rsa.publicKey.pemRepresentation
        let keys = try await TokenKeys(pem)
        #expect(keys.keys.map(\.algorithm) == ["RS256"])
        #expect(try subject(rs256(rsa), keys) == "alice")
        #expect(throws: Refusal.self) { try subject(SampleToken.hs256(payload, secret: Array(pem.utf8)), keys) }
    }

    @Test(arguments: [
        "-----BEGIN PUBLIC KEY-----", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
    ])
    func `a PEM text that is no public key is refused`(text: String) async {
        await #expect(throws: InputError.self) { try await TokenKeys(text) }
    }

    @Test func `RSA keys have 2,048 bits or more, and secrets 32 bytes`() async throws {
        let small = try _RSA.Signing.PrivateKey(unsafeKeySize: .init(bitCount: 1_024)).publicKey.pemRepresentation
        await #expect(throws: InputError.self) { try await TokenKeys(small) }
        await #expect(throws: InputError.self) { try await TokenKeys(secret: String(repeating: "x", count: 31)) }
    }

    // MARK: JWKS

    @Test func `the kid of a token selects a key of a JWKS`() async throws {
        let other = P256.Signing.PrivateKey()
        let keys = try await TokenKeys(jwks([jwk(p256, "one"), jwk(other, "two")]))
        #expect(
            try subject(SampleToken.es256(payload, head: #"{"alg":"ES256","kid":"one"}"#, key: p256), keys) == "alice")
        for (kid, key) in [("two", p256), ("three", p256), ("one", other)] {
            let token = try SampleToken.es256(payload, head: #"{"alg":"ES256","kid":"\#(kid)"}"#, key: key)
            #expect(throws: Refusal.self) { try subject(token, keys) }
        }
        #expect(throws: Refusal.self, "two keys, and none is named") {
            try subject(SampleToken.es256(payload, key: p256), keys)
        }
        let one = try await TokenKeys(jwks([jwk(p256, "one")]))
        #expect(try subject(SampleToken.es256(payload, key: p256), one) == "alice")
    }

    @Test func `keys that are not for tokens are left out, with a reason`() async throws {
        let secret = SampleToken.base64URL(Array(SampleToken.secret.utf8))
        let keys = try await TokenKeys(
            jwks([
                #"{"kty":"oct","alg":"HS256","kid":"secret","k":"\#(secret)"}"#,
                jwk(p256, "enc").replacing(#""alg""#, with: #""use":"enc","alg""#),
                jwk(p256, "noalg").replacing(#""alg":"ES256","#, with: ""),
                jwk(p256, "hs").replacing("ES256", with: "HS256"), jwk(p256, "good"),
            ]))
        #expect(keys.keys.map(\.kid) == ["good"])
        #expect(keys.ignored.count == 4)
        #expect(throws: Refusal.self) { try subject(SampleToken.hs256(payload), keys) }
        await #expect(throws: InputError.self, "none is left") {
            try await TokenKeys(jwks([#"{"kty":"oct","alg":"HS256","k":"\#(secret)"}"#]))
        }
    }

    @Test(arguments: ["", "{}", #"{"keys":{}}"#, #"{"keys":[]}"#, #"{"keys":[{"kty":"EC","alg":"ES256"}]}"#])
    func `a text that is no JWKS is refused`(text: String) async {
        await #expect(throws: InputError.self) { try await TokenKeys(text) }
    }

    @Test func `a key is held as long as its algorithm and its numbers are the same`() async throws {
        let one = try await TokenKeys(jwks([jwk(p256, "one")]))
        let reordered = try await TokenKeys(jwks([jwk(ed25519, "x"), jwk(p256, "one")]))
        let other = try await TokenKeys(jwks([jwk(P256.Signing.PrivateKey(), "one")]))
        let id = try #require(one.keys.first?.id)
        #expect(reordered.holds(id) && !other.holds(id))
    }

    // MARK: Samples

    private var payload: String { SampleToken.payload(from: now) }

    private func subject(_ token: String, _ keys: TokenKeys) throws(Refusal) -> String {
        try Token(Array(token.utf8), keys: keys, rules: TokenRules(), at: now).subject.text
    }

    private func jwks(_ keys: [String]) -> String { #"{"keys":["# + keys.joined(separator: ",") + "]}" }

    private func jwk(_ key: P256.Signing.PrivateKey, _ kid: String) -> String {
        let point = Array(key.publicKey.rawRepresentation)
        let (x, y) = (SampleToken.base64URL(Array(point[..<32])), SampleToken.base64URL(Array(point[32...])))
        return #"{"kty":"EC","crv":"P-256","alg":"ES256","kid":"\#(kid)","x":"\#(x)","y":"\#(y)"}"#
    }

    private func jwk(_ key: Curve25519.Signing.PrivateKey, _ kid: String) -> String {
        let x = SampleToken.base64URL(Array(key.publicKey.rawRepresentation))
        return #"{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"\#(kid)","x":"\#(x)"}"#
    }

    private func rs256(_ key: _RSA.Signing.PrivateKey) throws -> String {
        let text =
            SampleToken.base64URL(Array(#"{"alg":"RS256"}"#.utf8)) + "." + SampleToken.base64URL(Array(payload.utf8))
        let signature = try key.signature(for: SHA256.hash(data: Array(text.utf8)), padding: .insecurePKCS1v1_5)
        return text + "." + SampleToken.base64URL(Array(signature.rawRepresentation))
    }

    /// The SubjectPublicKeyInfo of Ed25519 (RFC 8410) as PEM.
    private static func ed25519PEM(_ key: Curve25519.Signing.PrivateKey) -> String {
        let header: [UInt8] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00]
        let text = Data(header + key.publicKey.rawRepresentation).base64EncodedString()
        return "-----BEGIN PUBLIC KEY-----\n\(text)\n-----END PUBLIC KEY-----\n"
    }
}
