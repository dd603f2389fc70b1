// Rollcall · bench

import ArgumentParser
import Foundation
import LoadGenerator

/// What one client sends past a limit of its caller or of the node.
enum Abuse: String, CaseIterable, ExpressibleByArgument {
    /// Requests above the rate of a user.
    case requests
    /// Streams above those that a user may have.
    case streams
    /// Bodies that are longer than any route reads.
    case bodies
    /// Tokens with a wrong signature, of one address: above the rate of its failures none is verified.
    case tokens
    /// The same, each of another address, so that each is verified.
    case spreadTokens = "spread-tokens"

    /// The attempts in a second.
    var rate: Double {
        switch self {
        case .requests, .tokens, .spreadTokens: 1_000
        // Fewer than the requests that a user may send.
        case .streams: 40
        case .bodies: 20
        }
    }

    /// Some more connections than the streams of a user, which keep theirs.
    var connections: Int { self == .streams ? 128 : 8 }

    /// Writes attempt `number`.
    func write(_ number: Int, token: String, to writer: RequestWriter) {
        switch self {
        case .requests: Self.list(writer, "Authorization: Bearer \(token)\r\n")
        case .streams:
            writer.request(
                "GET", headers: "Authorization: Bearer \(token)\r\n",
                path: { $0.text("/v1/topics/abused/events?view=count") })
        case .bodies:
            writer.request("POST", path: { $0.text("/v1/batch") }, body: { $0.filler(5 << 20) })
        case .tokens:
            Self.list(writer, "Authorization: Bearer \(Self.wrongToken)\r\nX-Forwarded-For: 203.0.113.7\r\n")
        case .spreadTokens:
            let address = "203.\(number >> 16 & 255).\(number >> 8 & 255).\(number & 255)"
            Self.list(writer, "Authorization: Bearer \(Self.wrongToken)\r\nX-Forwarded-For: \(address)\r\n")
        }
    }

    private static func list(_ writer: RequestWriter, _ headers: String) {
        writer.request("GET", headers: headers, path: { $0.text("/v1/topics/abused/presences") })
    }

    // MARK: Credentials

    /// A token of ES256, which costs a node most, with numbers that are no signature of its text.
    private static let wrongToken =
        "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhYnVzZXIifQ."
        + "EREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREQ"

    /// The settings of a node that checks tokens, and that believes this program about addresses.
    static let settings = [
        "ROLLCALL_TRUSTED_PROXIES": "127.0.0.0/8",
        "ROLLCALL_TOKEN_KEYS": """
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEObulPk4dybymTK1LB3PuvC2hdVHA
        pgCyADccQmzonimCD8tmHU+RPtaMx+lJ/jLwrnfPdtRJG3TXQ1PHYFsu0w==
        -----END PUBLIC KEY-----
        """,
    ].merging(SampleUser.settings) { $1 }
}
