// Rollcall · rollcall

import NIOSSL
import PEMFiles
import PresenceServer

/// The files with the certificate that a node shows to its clients; they are read at the start and again at SIGHUP.
struct TLSFiles: Sendable {
    /// A path, and the name of the setting that has it.
    struct File: Sendable {
        let path: String
        let setting: String
    }

    /// The certificate, then those of the authorities between it and the one that clients trust.
    let certificate: File
    let key: File

    /// Reads both files.
    func load() throws(ProgramError) -> NIOSSLContext {
        let chain = try Self.read(certificate) { (file: PEMFile) throws(PEMFault) in try file.certificates() }
        let privateKey = try Self.read(key) { (file: PEMFile) throws(PEMFault) -> NIOSSLPrivateKey in
            try file.requirePrivate()
            return try file.key()
        }
        do {
            return try ServerTLS.context(chain: chain, key: privateKey)
        } catch NIOSSLError.failedToLoadPrivateKey {
            throw Self.fault(key, "does not fit the certificate \(certificate.path)")
        } catch {
            throw Self.fault(certificate, "cannot be used: \(error)")
        }
    }

    private static func read<Value>(
        _ file: File, _ read: (PEMFile) throws(PEMFault) -> Value
    ) throws(ProgramError) -> Value {
        do throws(PEMFault) {
            return try read(PEMFile(file.path))
        } catch {
            throw fault(file, error.cause)
        }
    }

    private static func fault(_ file: File, _ cause: String) -> ProgramError {
        .usage("\(file.setting): the file \(file.path) \(cause).")
    }
}
