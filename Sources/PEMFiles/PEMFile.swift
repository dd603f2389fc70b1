// Rollcall · PEMFiles

import Foundation
package import NIOSSL

/// A file in the PEM form, read whole.
package struct PEMFile: Sendable {
    private let path: String
    private let text: String

    package init(_ path: String) throws(PEMFault) {
        self.path = path
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw PEMFault(cause: "does not exist")
        }
        guard !isFolder.boolValue else { throw PEMFault(cause: "is a folder") }
        guard FileManager.default.isReadableFile(atPath: path), let data = FileManager.default.contents(atPath: path)
        else {
            throw PEMFault(cause: "cannot be read: its permissions forbid it")
        }
        text = String(decoding: data, as: UTF8.self)
    }

    /// Returns its certificates, of which there is at least one, in their order.
    package func certificates() throws(PEMFault) -> [NIOSSLCertificate] {
        guard text.contains("-----BEGIN CERTIFICATE-----") || text.contains("-----BEGIN TRUSTED CERTIFICATE-----")
        else {
            throw PEMFault(cause: "holds no certificate in the PEM form")
        }
        let certificates: [NIOSSLCertificate]
        do {
            certificates = try NIOSSLCertificate.fromPEMBytes(Array(text.utf8))
        } catch {
            throw PEMFault(cause: "holds a certificate that cannot be read")
        }
        guard !certificates.isEmpty else { throw PEMFault(cause: "holds no certificate in the PEM form") }
        return certificates
    }

    /// Returns its private key.
    package func key() throws(PEMFault) -> NIOSSLPrivateKey {
        guard !text.contains("ENCRYPTED") else {
            throw PEMFault(cause: "is encrypted with a passphrase; `openssl pkey` writes it without one")
        }
        guard text.contains("PRIVATE KEY-----") else { throw PEMFault(cause: "holds no private key in the PEM form") }
        do {
            return try NIOSSLPrivateKey(bytes: Array(text.utf8), format: .pem)
        } catch {
            throw PEMFault(cause: "holds a private key that cannot be read")
        }
    }

    /// Throws if others than its owner may read or change it.
    package func requirePrivate() throws(PEMFault) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw PEMFault(cause: "cannot be read: \(String(cString: strerror(errno)))")
        }
        let mode = Int(status.st_mode)
        guard Self.isPrivate(mode: mode, owner: Int(status.st_uid), reader: Int(geteuid())) else {
            throw PEMFault(
                cause: "can be read by others than its owner (its mode is \(String(mode & 0o777, radix: 8))); "
                    + "chmod 600 forbids it")
        }
    }

    /// Whether a mode gives no right to others than the owner of the file.
    ///
    /// A file of root may have a group that reads it if the reader is another user, for which there is no other way, as
    /// with secrets of Kubernetes.
    package static func isPrivate(mode: Int, owner: Int, reader: Int) -> Bool {
        mode & (owner == 0 && reader != 0 ? 0o037 : 0o077) == 0
    }
}

/// The cause why a file cannot be used; it completes "the file …".
package struct PEMFault: Error, Hashable, Sendable {
    package let cause: String
}
