// Rollcall · Redis

import NIOSSL
import PEMFiles

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
    /// A folder of authorities, named as by `openssl rehash`, in place of the system's; `authorityFile` goes before it.
    package var authorityFolder: String?
    /// A PEM chain and its key, for servers that ask clients for a certificate.
    package var certificateFile: String?
    package var keyFile: String?

    package init() {}

    /// Reads the files; an error names the file that is wrong, its path and the cause.
    package func check() throws(RedisTLSFault) {
        _ = try context()
    }

    /// Reads the files and makes the context that all connections of one client share.
    func makeContext() throws(RedisError) -> NIOSSLContext {
        do throws(RedisTLSFault) {
            return try context()
        } catch {
            throw RedisError(.invalidSettings, "TLS cannot be set up: \(error)")
        }
    }

    private func context() throws(RedisTLSFault) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification =
            switch verification {
            case .full: .fullVerification
            case .withoutHostname: .noHostnameVerification
            case .none: .none
            }
        if let authorityFile {
            _ = try Self.read(.authority, authorityFile) { (file: PEMFile) throws(PEMFault) in try file.certificates() }
            configuration.trustRoots = .file(authorityFile)
        } else if let authorityFolder {
            configuration.trustRoots = .file(authorityFolder)
        }
        if let certificateFile {
            guard let keyFile else { throw RedisTLSFault(.key, nil, "is missing; a certificate needs its key") }
            let chain = try Self.read(.certificate, certificateFile) { (file: PEMFile) throws(PEMFault) in
                try file.certificates()
            }
            let key = try Self.read(.key, keyFile) { (file: PEMFile) throws(PEMFault) in try file.key() }
            configuration.certificateChain = chain.map { .certificate($0) }
            configuration.privateKey = .privateKey(key)
        } else if let keyFile {
            throw RedisTLSFault(.certificate, nil, "is missing; the key \(keyFile) needs its certificate")
        }
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            guard let keyFile else {
                throw RedisTLSFault(.authority, authorityFile ?? authorityFolder, "cannot be used: \(error)")
            }
            throw RedisTLSFault(.key, keyFile, "does not fit the certificate \(certificateFile ?? "")")
        }
    }

    /// Reads a file; an error names the file.
    private static func read<Value>(
        _ file: RedisTLSFault.File, _ path: String, _ read: (PEMFile) throws(PEMFault) -> Value
    ) throws(RedisTLSFault) -> Value {
        do throws(PEMFault) {
            return try read(PEMFile(path))
        } catch {
            throw RedisTLSFault(file, path, error.cause)
        }
    }
}

/// A file of ``RedisTLS`` that cannot be used, and the cause.
package struct RedisTLSFault: Error, Hashable, Sendable, CustomStringConvertible {
    package enum File: String, Sendable {
        case authority
        case certificate
        case key
    }

    package let file: File
    /// Nil when no file was given.
    package let path: String?
    /// Completes "the file …".
    package let cause: String

    init(_ file: File, _ path: String?, _ cause: String) {
        self.file = file
        self.path = path
        self.cause = cause
    }

    package var description: String { "the \(file.rawValue) file \(path.map { "\($0) " } ?? "")\(cause)" }
}
