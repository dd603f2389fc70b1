// Rollcall · AccessSamples

import Crypto

/// A provider of identities: the keys that it publishes as a JWKS, and tokens that it signs.
package struct SampleProvider: Sendable {
    /// The secret that its JWKS publishes by mistake.
    package static let publishedSecret = "a secret that a JWKS shows to all, of 32 bytes or more"
    /// A public RSA key of another signer, as PEM.
    package static let publicRSAKey = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAtEXTOcDHt3aziG54R7eI
        UyC61hYtm2/00DI6Ctby8a7rTWAJUWsUlEYr3mPOhGWBADBx/Ctvr8CvI4MvujzQ
        E89L4dIjnD60Zhb9K8CSlOw66fL0LNQ1pGsuMktsi+SySo1aXy5fDNuJjXsfcmDW
        6tWbeymhrtQpgEKyiLgdCnFtHA3N3/HqnBemRv+P0/xMWhgHpPvir+TwaAVM7/FE
        hxc4k4JpNC9iblaN1MBYBuZHaBryJLDMqx3txAC70yNG4WSCHqvDOj85orrOQiGz
        uuppcMvCNGkC2TTKE79QVS+1eS6AQ1p2r2h2xNaGLWh9dRWQdrsLVgjzGAv/QOFL
        RQIDAQAB
        -----END PUBLIC KEY-----

        """

    private let key = P256.Signing.PrivateKey()

    package init() {}

    /// A key `good`, the same one as `no-alg` without its `alg`, and the secret as `secret`.
    package var jwks: String {
        let point = Array(key.publicKey.rawRepresentation)
        let (x, y) = (SampleToken.base64URL(Array(point[..<32])), SampleToken.base64URL(Array(point[32...])))
        let numbers = #""crv":"P-256","x":"\#(x)","y":"\#(y)""#
        let secret = SampleToken.base64URL(Array(Self.publishedSecret.utf8))
        return """
            {"keys":[{"kty":"EC","kid":"good","alg":"ES256",\(numbers)},{"kty":"EC","kid":"no-alg",\(numbers)},\
            {"kty":"oct","kid":"secret","alg":"HS256","k":"\(secret)"}]}
            """
    }

    /// A token that it signs, and that names a key of the JWKS.
    package func token(_ payload: String, kid: String) throws -> String {
        try SampleToken.es256(payload, head: #"{"alg":"ES256","kid":"\#(kid)"}"#, key: key)
    }
}
