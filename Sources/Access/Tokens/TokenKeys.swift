// Rollcall · Access

package import Basics
import JSONText
import JWTKit

/// The keys that the tokens of users are verified by.
package struct TokenKeys: Sendable {
    private(set) var keys: [TokenKey] = []
    /// Keys of a JWKS that are left out, each with the reason, as a sentence for the log.
    package private(set) var ignored: [String] = []

    /// The algorithms of keys.
    static let algorithms: Set = ["HS256", "RS256", "PS256", "ES256", "EdDSA"]

    /// No keys.
    package init() {}

    package var isEmpty: Bool { keys.isEmpty }

    /// Adds the keys of another set.
    package mutating func add(_ other: TokenKeys) {
        keys += other.keys
        ignored += other.ignored
    }

    /// The keys that may have signed a token with this head.
    ///
    /// A token without `kid` is signed by a key without one, or by the only key of its algorithm.
    func candidates(kid: String?, algorithm: String) -> [TokenKey] {
        let fitting = keys.filter { $0.algorithm == algorithm }
        if kid == nil, fitting.count == 1 { return fitting }
        return fitting.filter { $0.kid == nil || $0.kid == kid }
    }

    var ids: Set<[UInt8]> { Set(keys.map(\.id)) }

    func holds(_ id: [UInt8]) -> Bool { keys.contains { $0.id == id } }

    /// Whether a key has this `kid`.
    func has(kid: String) -> Bool { keys.contains { $0.kid == kid } }
}

extension TokenKeys {
    /// The key of HS256: a secret of 32 bytes or more.
    package init(secret: String) async throws(InputError) {
        keys = [TokenKey(kid: nil, verifier: try await Self.hs256(secret: secret), material: secret)]
    }

    /// HS256 with a secret; throws for a secret of less than 32 bytes.
    static func hs256(secret: String) async throws(InputError) -> any JWTAlgorithm {
        guard secret.utf8.count >= 32 else {
            throw InputError(.invalid, at: .pointer("#"), "a secret has 32 bytes or more, not \(secret.utf8.count)")
        }
        return try await algorithm { await $0.add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256) }
    }

    /// Reads public keys: PEM, one block or several, or a JWKS with a key for tokens.
    package init(_ text: String) async throws(InputError) {
        guard !text.contains("-----BEGIN ") else {
            try await self.init(pem: text)
            return
        }
        try await self.init(jwks: text)
        guard !keys.isEmpty else {
            let reasons = ignored.isEmpty ? "it has none" : ignored.joined(separator: "; ")
            throw InputError(.invalid, at: .pointer("#/keys"), "the JWKS has no key for tokens: \(reasons)")
        }
    }

    // MARK: PEM

    private init(pem text: String) async throws(InputError) {
        for block in Self.blocks(of: text) {
            guard block.label == "PUBLIC KEY" else {
                throw InputError(
                    .invalid, at: .pointer("#"),
                    "a PEM block is a PUBLIC KEY, as `openssl pkey -pubout` writes it, not a \(block.label)")
            }
            keys.append(TokenKey(kid: nil, verifier: try await Self.verifier(pem: block.text), material: block.text))
        }
        guard !keys.isEmpty else {
            throw InputError(.invalid, at: .pointer("#"), "the PEM text has no whole block from BEGIN to END")
        }
    }

    private static func blocks(of text: String) -> [(label: String, text: String)] {
        text.matches(of: /-----BEGIN ([A-Z0-9 ]+)-----[^-]+-----END ([A-Z0-9 ]+)-----/).compactMap { match in
            match.output.1 == match.output.2 ? (String(match.output.1), String(match.output.0) + "\n") : nil
        }
    }

    private static func verifier(pem: String) async throws(InputError) -> any JWTAlgorithm {
        if let key = try? ES256PublicKey(pem: pem) { return try await algorithm { await $0.add(ecdsa: key) } }
        if let key = try? EdDSA.PublicKey(pem: pem) { return try await algorithm { await $0.add(eddsa: key) } }
        do {
            let key = try Insecure.RSA.PublicKey(pem: pem)
            return try await algorithm { await $0.add(rsa: key, digestAlgorithm: .sha256) }
        } catch let error as InputError {
            throw error
        } catch {
            throw InputError(
                .invalid, at: .pointer("#"),
                "a public key is RSA of 2048 bits or more, EC on the curve P-256, or Ed25519; this is none of them")
        }
    }

    /// The algorithm of the one key that `add` gives to a collection.
    static func algorithm(
        kid: JWKIdentifier? = nil, _ add: (JWTKeyCollection) async throws -> Void
    ) async throws(InputError) -> any JWTAlgorithm {
        let collection = JWTKeyCollection()
        do {
            try await add(collection)
            return try await collection.getKey(for: kid)
        } catch {
            throw InputError(.invalid, at: .pointer("#"), "the key cannot be used: \(error)")
        }
    }

    // MARK: JWKS

    /// Reads a JWKS; one that has withdrawn all its keys is valid too.
    package init(jwks text: String) async throws(InputError) {
        let document = try JSON(parsing: text)
        guard let elements = document["keys"]?.elements else {
            throw InputError(.invalid, at: .pointer("#/keys"), "a JWKS is an object with an array named keys")
        }
        for (index, element) in elements.enumerated() {
            if let reason = Self.unfit(element) {
                ignored.append("key \(element["kid"]?.string ?? "\(index)") \(reason)")
                continue
            }
            do {
                keys.append(try await Self.key(element, index: index))
            } catch {
                ignored.append("key \(element["kid"]?.string ?? "\(index)") is refused: \(error.detail)")
            }
        }
    }

    /// The reason why a key of a JWKS is not for the signatures of tokens; nil if it may be.
    private static func unfit(_ json: JSON) -> String? {
        if json["kty"]?.string == "oct" { return "is a secret, which no JWKS may hold" }
        if json["use"]?.string == "enc" { return "is for encryption" }
        guard let algorithm = json["alg"]?.string else { return "has no alg" }
        return algorithms.contains(algorithm) && algorithm != "HS256" ? nil : "has an alg that tokens may not have"
    }

    private static func key(_ json: JSON, index: Int) async throws(InputError) -> TokenKey {
        let kid = json["kid"]?.string
        let verifier: any JWTAlgorithm
        do {
            var key = try JWK(json: String(decoding: json.compact, as: UTF8.self))
            let identifier = JWKIdentifier(string: kid ?? "\(index)")
            key.keyIdentifier = identifier
            verifier = try await Self.algorithm(kid: identifier) { try await $0.add(jwk: key) }
        } catch let error as InputError {
            throw error
        } catch {
            throw InputError(.invalid, at: .pointer("#/keys/\(index)"), "\(error)")
        }
        let material = ["crv", "n", "e", "x", "y"].map { json[$0]?.string ?? "" }.joined(separator: "\n")
        return TokenKey(kid: kid, verifier: verifier, material: material)
    }
}
