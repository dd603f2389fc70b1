// Rollcall · AccessSamples

package import Crypto
package import Foundation

/// Makes tokens, right and wrong ones, from the text of their parts.
package enum SampleToken {
    package static let secret = "a secret of the tests, of 32 bytes or more"

    /// A token with any head and payload, signed by HMAC with SHA-256.
    package static func hs256(
        _ payload: String, head: String = #"{"alg":"HS256","typ":"JWT"}"#,
        secret: some ContiguousBytes = Array(secret.utf8)
    ) -> String {
        let text = parts(head, payload)
        let code = HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: SymmetricKey(data: secret))
        return text + "." + base64URL(Array(code))
    }

    /// A token of a key on the curve P-256.
    package static func es256(
        _ payload: String, head: String = #"{"alg":"ES256"}"#, key: P256.Signing.PrivateKey
    ) throws -> String {
        let text = parts(head, payload)
        return text + "." + base64URL(Array(try key.signature(for: Array(text.utf8)).rawRepresentation))
    }

    /// A token of a key on the curve Ed25519.
    package static func eddsa(
        _ payload: String, head: String = #"{"alg":"EdDSA"}"#, key: Curve25519.Signing.PrivateKey
    ) throws -> String {
        let text = parts(head, payload)
        return text + "." + base64URL(Array(try key.signature(for: Array(text.utf8))))
    }

    /// A payload for a user, valid from now on; `rights` is the claim `rollcall`, and `more` has further members.
    package static func payload(
        _ subject: String = "alice", rights: String = #"{"topic_prefixes":{"room:":["track","see"]}}"#,
        lifetime: Double = 600, from now: Double = Date().timeIntervalSince1970, more: String = ""
    ) -> String {
        #"{"sub":"\#(subject)","exp":\#(Int(now + lifetime)),"rollcall":\#(rights)\#(more.isEmpty ? "" : "," + more)}"#
    }

    package static func base64URL(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    private static func parts(_ head: String, _ payload: String) -> String {
        base64URL(Array(head.utf8)) + "." + base64URL(Array(payload.utf8))
    }
}
