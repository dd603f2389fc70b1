// Rollcall · Redis

import Foundation
import NIOSSL

/// A file in the PEM form, read whole.
struct PEMFile {
    private let path: String
    private let file: RedisTLSFault.File
    private let text: String

    init(_ path: String, _ file: RedisTLSFault.File) throws(RedisTLSFault) {
        self.path = path
        self.file = file
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw RedisTLSFault(file, path, "does not exist")
        }
        guard !isFolder.boolValue else { throw RedisTLSFault(file, path, "is a folder") }
        guard FileManager.default.isReadableFile(atPath: path), let data = FileManager.default.contents(atPath: path)
        else {
            throw RedisTLSFault(file, path, "cannot be read: its permissions forbid it")
        }
        text = String(decoding: data, as: UTF8.self)
    }

    func certificates() throws(RedisTLSFault) -> [NIOSSLCertificate] {
        guard text.contains("-----BEGIN CERTIFICATE-----") || text.contains("-----BEGIN TRUSTED CERTIFICATE-----")
        else {
            throw fault("holds no certificate in the PEM form")
        }
        do {
            let certificates = try NIOSSLCertificate.fromPEMBytes(Array(text.utf8))
            guard !certificates.isEmpty else { throw fault("holds no certificate in the PEM form") }
            return certificates
        } catch let error as RedisTLSFault {
            throw error
        } catch {
            throw fault("holds a certificate that cannot be read")
        }
    }

    func key() throws(RedisTLSFault) -> NIOSSLPrivateKey {
        guard !text.contains("ENCRYPTED") else {
            throw fault("is encrypted with a passphrase; `openssl pkey` writes it without one")
        }
        guard text.contains("PRIVATE KEY-----") else { throw fault("holds no private key in the PEM form") }
        do {
            return try NIOSSLPrivateKey(bytes: Array(text.utf8), format: .pem)
        } catch {
            throw fault("holds a private key that cannot be read")
        }
    }

    private func fault(_ cause: String) -> RedisTLSFault { RedisTLSFault(file, path, cause) }
}
