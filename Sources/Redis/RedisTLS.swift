// Rollcall · Redis

internal import NIOSSL

/// How `rediss://` connections are secured; the default trusts the system's authorities and checks the host name.
package struct RedisTLS: Sendable, Hashable {
    package enum Verification: Sendable, Hashable {
        case full
        /// The chain is checked, the name is not: for servers reached by an address that their certificate lacks.
        case withoutHostname
        case none
    }

    package var verification: Verification = .full
    /// A PEM file of authorities, in place of the system's.
    package var authorityFile: String?
    /// A PEM chain and its key, for servers that ask clients for a certificate.
    package var certificateFile: String?
    package var keyFile: String?

    package init() {}

    /// Reads the files and makes the context that all connections of one client share.
    func makeContext() throws(RedisError) -> NIOSSLContext {
        do {
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.certificateVerification =
                switch verification {
                case .full: .fullVerification
                case .withoutHostname: .noHostnameVerification
                case .none: .none
                }
            if let authorityFile { configuration.trustRoots = .file(authorityFile) }
            if let certificateFile {
                let chain = try NIOSSLCertificate.fromPEMFile(certificateFile)
                configuration.certificateChain = chain.map { .certificate($0) }
            }
            if let keyFile {
                configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: keyFile, format: .pem))
            }
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw RedisError(.invalidSettings, "TLS cannot be set up: \(error)")
        }
    }
}
