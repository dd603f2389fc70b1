// Rollcall · Access

/// The claims that a token must have beside its signature.
package struct TokenRules: Sendable {
    /// The `iss` that tokens must have; nil takes any.
    package var issuer: String?
    /// The `aud` that tokens must name; nil takes only tokens that name none.
    package var audience: String?

    package init(issuer: String? = nil, audience: String? = nil) {
        self.issuer = issuer
        self.audience = audience
    }

    /// Seconds by which the clocks of a node and of the maker of a token may differ.
    package static let leeway = 30.0
    /// Seconds for which a token may still be valid.
    package static let longestLife = 86_400.0
    /// Bytes of the longest token.
    package static let maximumBytes = 8_192
    /// Bytes of the longest `jti` by which a token can be revoked.
    package static let maximumIDBytes = 256
}
