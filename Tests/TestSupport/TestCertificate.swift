// Rollcall · TestSupport

import NIOSSL

/// A self-signed certificate for `localhost` and 127.0.0.1 that openssl has made, and its key.
package struct TestCertificate: Sendable {
    package let certificateFile: String
    /// Only its owner may read it.
    package let keyFile: String

    /// Makes `NAME.pem` and `NAME.key` in a folder.
    package static func make(_ name: String = "node", in folder: String) async throws -> TestCertificate {
        let made = TestCertificate(certificateFile: "\(folder)/\(name).pem", keyFile: "\(folder)/\(name).key")
        let outcome = try await Command.run(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                "-keyout", made.keyFile, "-out", made.certificateFile,
            ])
        guard outcome.code == 0 else { throw NeverHappened(description: "a certificate: \(outcome.errors)") }
        return made
    }

    /// The certificate in the DER form, as a server sends it.
    package var bytes: [UInt8] {
        get throws { try NIOSSLCertificate.fromPEMFile(certificateFile).flatMap { try $0.toDERBytes() } }
    }
}
