// Rollcall · Redis

import Foundation
import NIOCore
import NIOPosix
import NIOSSL

extension RedisError {
    /// Makes the error for a connection that could not be made or that failed.
    ///
    /// - Parameter urlName: The name of the address in messages.
    init(connecting error: any Error, urlName: String) {
        switch error {
        case let error as RedisError:
            self = error
        case let error as NIOConnectionError:
            self.init(.disconnected, "cannot connect: \(Self.reason(of: error))")
        case let error as IOError:
            self.init(.disconnected, "the connection failed: \(Self.text(of: error))")
        case let error where Self.isHangUp(error):
            self.init(.disconnected, "the server closed the connection without ending TLS")
        case NIOSSLError.handshakeFailed(let cause) where Self.isHangUp(cause):
            self.init(.disconnected, "the server closed the connection during the TLS handshake")
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError:
            self.init(.tls, Self.reason(ofTLS: "\(error)", urlName: urlName))
        default:
            self.init(.disconnected, "the connection failed: \(error)")
        }
    }

    /// Whether the server closed a TLS connection: a server that was killed, or a load balancer without a server.
    ///
    /// All other TLS errors are about certificates, versions and alerts.
    private static func isHangUp(_ error: any Error) -> Bool {
        switch error {
        case NIOSSLError.uncleanShutdown, NIOSSLError.writeDuringTLSShutdown, NIOSSLError.readInInvalidTLSState,
            BoringSSLError.zeroReturn, BoringSSLError.syscallError:
            true
        case BoringSSLError.sslError(let stack):
            stack.contains(.eofDuringHandshake) || stack.contains(.eofDuringAdditionalCertficiateChainValidation)
        default:
            false
        }
    }

    private static func text(of error: IOError) -> String { String(cString: strerror(error.errnoCode)) }

    /// Makes the error for a server that sends other first bytes than Redis; nil when Redis may have sent them.
    init?(firstBytes bytes: ByteBuffer, urlName: String) {
        let view = bytes.readableBytesView
        guard let first = view.first, !"+-:$*_#,(!=%~>".utf8.contains(first) else { return nil }
        let shown = String(
            decoding: view.prefix(24).map { (0x20...0x7e).contains($0) ? $0 : UInt8(ascii: ".") }, as: UTF8.self)
        if first == 0x15 || first == 0x16 {
            self.init(.tls, "the server speaks TLS; write rediss:// in \(urlName)")
        } else if view.starts(with: "HTTP/".utf8) {
            self.init(.notRedis, "an HTTP server answers at the address in \(urlName)")
        } else {
            self.init(.notRedis, "the server at the address in \(urlName) is not Redis; it sends \"\(shown)\"")
        }
    }

    /// The hint for a server that sent nothing: the other scheme may be right.
    static func silence(isSecure: Bool, urlName: String) -> String {
        isSecure
            ? "if the server does not speak TLS, write redis:// in \(urlName)"
            : "if the server speaks TLS, write rediss:// in \(urlName)"
    }

    private static func reason(of error: NIOConnectionError) -> String {
        if let first = error.connectionErrors.first?.error {
            if let error = first as? IOError { return text(of: error) }
            return "\(first)"
        }
        if let lookup = error.dnsAError ?? error.dnsAAAAError { return "the host \(error.host) is unknown: \(lookup)" }
        return "the host \(error.host) has no address"
    }

    private static func reason(ofTLS text: String, urlName: String) -> String {
        if text.contains("WRONG_VERSION_NUMBER") {
            return "TLS: the server does not speak TLS; write redis:// in \(urlName) to connect without it"
        }
        if text.contains("CERTIFICATE_VERIFY_FAILED") {
            return "TLS: no trusted authority signed the server's certificate, or it has expired "
                + "(CERTIFICATE_VERIFY_FAILED); ROLLCALL_REDIS_CA_FILE names an authority"
        }
        if text.contains("failedToValidateHostname") || text.contains("IP_ADDRESS_MISMATCH")
            || text.contains("HOSTNAME_MISMATCH")
        {
            return "TLS: the server's certificate is for another host than the one in \(urlName)"
        }
        if text.contains("CERTIFICATE_REQUIRED") || text.contains("UNKNOWN_CA") || text.contains("BAD_CERTIFICATE")
            || text.contains("HANDSHAKE_FAILURE")
        {
            return
                "TLS: the server refuses the client's certificate or requires one; ROLLCALL_REDIS_CERT_FILE names it "
                + "(\(text))"
        }
        return "TLS: \(text)"
    }
}
