// Rollcall · Access

import Crypto
import JWTKit

/// A key that tokens are verified by.
///
/// It fixes the algorithm; the head of a token never chooses one.
struct TokenKey: Sendable {
    /// The name by which the head of a token selects the key; nil for a secret and for a PEM file.
    let kid: String?
    /// HS256, RS256, PS256, ES256 or EdDSA.
    let algorithm: String
    private let verifier: any JWTAlgorithm
    /// The hash of the key and its algorithm, by which a node finds whether it still holds the key.
    let id: [UInt8]

    /// - Parameter material: The text of the key, for its hash.
    init(kid: String?, verifier: any JWTAlgorithm, material: String) {
        self.kid = kid
        self.algorithm = verifier.name
        self.verifier = verifier
        id = Array(SHA256.hash(data: Array("\(verifier.name)\n\(kid ?? "")\n\(material)".utf8)))
    }

    /// Whether a signature is that of the key over the text; a malformed signature is not.
    func isSignature(_ signature: [UInt8], of text: ArraySlice<UInt8>) -> Bool {
        (try? verifier.verify(signature, signs: text)) ?? false
    }
}
