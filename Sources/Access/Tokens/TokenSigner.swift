// Rollcall · Access

package import Basics
package import JSONText
import JWTKit
package import PresenceModel

/// Makes tokens, as a backend does: for trying things out, and for tests.
package struct TokenSigner: Sendable {
    private let algorithm: any JWTAlgorithm

    /// Signs by HS256 with a secret of 32 bytes or more.
    package init(secret: String) async throws(InputError) {
        algorithm = try await TokenKeys.hs256(secret: secret)
    }

    /// Signs with a private key in PEM: RSA of 2048 bits or more, EC on the curve P-256, or Ed25519.
    package init(privateKey pem: String) async throws(InputError) {
        if let key = try? ES256PrivateKey(pem: pem) {
            algorithm = try await TokenKeys.algorithm { await $0.add(ecdsa: key) }
        } else if let key = try? EdDSA.PrivateKey(pem: pem) {
            algorithm = try await TokenKeys.algorithm { await $0.add(eddsa: key) }
        } else if let key = try? Insecure.RSA.PrivateKey(pem: pem) {
            algorithm = try await TokenKeys.algorithm { await $0.add(rsa: key, digestAlgorithm: .sha256) }
        } else {
            throw InputError(
                .invalid, at: .pointer("#"),
                "a private key is PEM of RSA with 2048 bits or more, EC on the curve P-256, or Ed25519")
        }
    }

    /// Makes a token for a user.
    ///
    /// - Parameters:
    ///   - rights: The claim `rollcall`.
    ///   - now: Seconds since 1970.
    ///   - lifetime: Seconds until it ends; a node takes 24 hours at most.
    package func token(
        of subject: Key, rights: JSON, rules: TokenRules, at now: Int, lifetime: Int
    ) throws(InputError) -> String {
        _ = try Rights(rights, of: .token)
        var payload = Array(#"{"sub":"#.utf8)
        payload.append(jsonString: subject.text)
        payload += Array(",\"iat\":\(now),\"exp\":\(now + lifetime)".utf8)
        for (name, value) in [("iss", rules.issuer), ("aud", rules.audience)] {
            guard let value else { continue }
            payload += Array(",\"\(name)\":".utf8)
            payload.append(jsonString: value)
        }
        payload += Array(#","rollcall":"#.utf8)
        rights.write(to: &payload)
        payload.append(UInt8(ascii: "}"))
        let head = #"{"alg":"\#(algorithm.name)","typ":"JWT"}"#
        let signed = Base64URL.encode(head.utf8) + [UInt8(ascii: ".")] + Base64URL.encode(payload)
        do {
            let signature = try algorithm.sign(signed)
            return String(decoding: signed + [UInt8(ascii: ".")] + Base64URL.encode(signature), as: UTF8.self)
        } catch {
            throw InputError(.invalid, at: .pointer("#"), "the key cannot sign: \(error)")
        }
    }
}
