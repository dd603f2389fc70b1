// Rollcall · rollcall

import Access
import Basics
import Foundation
import JSONText
import Logging
import NIOCore
import Postgres
import PresenceServer

/// Declares every setting of a node, each as one property.
///
/// Flags, variables, keys of the settings file and `--help` are made from these properties. A test compares them with
/// docs/operations.md. `Settings` reads their values.
struct SettingsTable: Sendable {
    let host = Setting(
        "host", default: "127.0.0.1", "Address to listen on; 0.0.0.0 or :: for every interface.",
        expected: Self.hostExpectation, parse: Self.host)
    let port = Setting(
        "port", default: "4000", in: 0...65_535, "TCP port to listen on; 0 takes a free one.")
    let tlsCertificate = Setting(
        path: "tls-cert", without: "HTTP in clear text",
        "PEM file of the certificate, and its chain, with which the node speaks HTTPS; read again at SIGHUP.")
    let tlsKey = Setting(
        path: "tls-key",
        "PEM file of the private key of that certificate, without a passphrase, that no other user may read.")
    let operatorHost = Setting(
        "operator-host", default: "127.0.0.1",
        "Address for the operator port; one that others reach only on a private network.",
        expected: Self.hostExpectation, parse: Self.host)
    let operatorPort = Setting(
        "operator-port", in: 0...65_535,
        "TCP port for operators: metrics and the checks of /readyz need no credential there, "
            + "and the port of clients has no metrics then; 0 takes a free one.")
    let maximumConnections = Setting(
        "max-connections", default: "0", in: 0...10_000_000,
        "Open connections of a node; further ones are served health checks only. 0: as many as may be open files.")
    let origins = Setting<[OriginPolicy.Origin]>(
        "origins",
        "Origins, separated by commas: their pages may read and write, and a node on loopback answers to their names.",
        expected: "origins such as https://app.example, separated by commas",
        parse: { text in
            let names = text.split(separator: ",", omittingEmptySubsequences: false)
                .map { $0.trimmingCharacters(in: .whitespaces) }
            let origins = names.compactMap { OriginPolicy.Origin($0) }
            return origins.count == names.count ? origins : nil
        })
    let idleTimeout = Setting(
        "idle-timeout", default: "75", in: 1...3_600, of: TimeAmount.seconds,
        "Seconds after which a connection without a request is closed; longer than the 60 of most load balancers.")
    let headTimeout = Setting(
        "head-timeout", default: "30", in: 1...600, of: TimeAmount.seconds,
        "Seconds that the head of a request may take from its first byte on.")
    let bodyTimeout = Setting(
        "body-timeout", default: "30", in: 1...600, of: TimeAmount.seconds,
        "Seconds that the body of a request may take as a whole.")
    let bodyBudget = Setting(
        "body-budget", default: "67108864", in: 8_388_608...17_179_869_184,
        "Bytes of request bodies that a node holds at once; beyond them it answers 503.")
    let basePath = Setting<BasePath>(
        "base-path",
        "The path under which a proxy shows the service, such as /presence: Location, Link and problem types begin with it.",
        expected: "a path such as /presence: a slash first, none last, none of the service's own paths",
        parse: { BasePath($0) })
    let open = Setting(
        switch: "open",
        "Answers requests without a credential and grants them everything but the rights of operators; for private networks."
    )
    let apiKeys = Setting(
        "api-keys", isSecret: true, isJSON: true,
        "API keys of backends: a JSON array as `rollcall apikey` prints its elements, or the path of a file with one.",
        expected: "a JSON array or a path", parse: { $0 })
    let tokenSecret = Setting(
        "token-secret", isSecret: true, isWholeSecret: true,
        "The secret that signs users' tokens by HS256, of 32 bytes or more.", expected: "32 bytes or more",
        parse: { $0.utf8.count >= 32 ? $0 : nil })
    let tokenKeys = Setting(
        "token-keys", isJSON: true,
        "The public keys of users' tokens: PEM or a JWKS, the path of a file with them, or the https:// URL of a JWKS.",
        expected: "PEM, a JWKS, a path or an https:// URL", parse: { $0 })
    let tokenIssuer = Setting(
        "token-issuer", without: "any", "The iss that users' tokens must have.",
        expected: Self.claimExpectation, parse: Self.claim)
    let tokenAudience = Setting(
        "token-audience", without: "tokens without aud; required with a JWKS", "The aud that users' tokens must name.",
        expected: Self.claimExpectation, parse: Self.claim)
    let userLimits = Setting(
        limitsOf: .user, "user-limits", "Limits of each user, by the sub of the token; none lifts one, or all.")
    let apiKeyLimits = Setting(
        limitsOf: .apiKey, "api-key-limits", "Limits of each API key; none lifts one, or all.")
    let addressLimits = Setting(
        limitsOf: .address, "address-limits",
        "Limits of each client address (IPv6: its /64) without an API key; none lifts one, or all.")
    let trustedProxies = Setting<TrustedProxies>(
        "trusted-proxies",
        "Addresses and ranges of proxies, separated by commas, "
            + "that name their clients in X-Forwarded-For or Forwarded.",
        expected: "addresses and ranges such as 10.0.0.0/8, separated by commas", parse: { TrustedProxies($0) })
    let redisURL = Setting(
        "redis-url", without: "required", isSecret: true,
        "The Redis that all nodes share: redis://, rediss:// (TLS) or redis+unix://, with user:password@ and /db; valkey may stand for redis.",
        expected: "a redis://, rediss:// or redis+unix:// URL", parse: { $0.contains("://") ? $0 : nil })
    let redisAuthorityFile = Setting(
        path: "redis-ca-file", without: "the system's; SSL_CERT_FILE and SSL_CERT_DIR name others",
        "PEM file of the authorities that a rediss:// server's certificate is checked by.")
    let redisCertificateFile = Setting(
        path: "redis-cert-file",
        "PEM file of the certificate that this node shows to a rediss:// server, and its chain.")
    let redisKeyFile = Setting(
        path: "redis-key-file", "PEM file of the private key of that certificate, without a passphrase.")
    let redisPrefix = Setting(
        "redis-prefix", default: "rc:",
        "Put before every Redis key and channel, so that several deployments can share a Redis.",
        expected: "1 to 32 printable ASCII characters without braces or spaces",
        parse: { text in
            (1...32).contains(text.utf8.count)
                && text.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != 0x7b && $0 != 0x7d } ? text : nil
        })
    let databaseURL = Setting(
        "database-url", isSecret: true,
        "The PostgreSQL that entries are enriched from: postgresql://user:password@host/database, or libpq's key=value.",
        expected: "a postgresql:// URL or libpq's key=value pairs",
        parse: { $0.contains("://") || $0.contains("=") ? $0 : nil })
    let profilesTable = Setting(
        "profiles-table", default: "profiles",
        "The table that `rollcall migrate` makes and the standard rule reads: a name, or schema.name, taken as it is.",
        expected: ProfilesTable.expectation, parse: ProfilesTable.init)
    let fetchRules = Setting(
        "fetch-rules", without: "`user` from the table of profiles", isJSON: true,
        "What the database adds to entries: a JSON array of rules, or the path of a file that holds one.",
        expected: "a JSON array or a path", parse: { $0 })
    let nodeID = Setting(
        "node-id", without: "random by default",
        "This node's name in Redis and in logs; must differ between running nodes.",
        expected: "1 to 64 of A-Z, a-z, 0-9, _ and -",
        parse: { text in
            (1...64).contains(text.utf8.count) && text.utf8.allSatisfy(Base64URL.contains) ? text : nil
        })
    let defaultTTL = Setting(
        "default-ttl", default: "30", in: 1...86_400,
        "Seconds that a presence lives without a heartbeat when its track names no ttl.")
    let minimumTTL = Setting(
        "min-ttl", default: "5", in: 1...86_400, "Shortest ttl that a client may ask for, in seconds.")
    let maximumTTL = Setting(
        "max-ttl", default: "300", in: 1...86_400, "Longest ttl that a client may ask for, in seconds.")
    let grace = Setting(
        "grace", default: "5", in: 0...60,
        "Seconds that a stream-bound presence outlives its stream when the stream names no grace.")
    let maximumMetaBytes = Setting(
        "max-meta-bytes", default: "4096", in: 2...65_536, "Largest meta, in bytes of compact JSON.")
    let diffWindow = Setting(
        "diff-window", default: "10", in: 0...1_000, of: TimeAmount.milliseconds,
        "Milliseconds during which the diffs of one topic that follow a first one are collected into one event.")
    let pingInterval = Setting(
        "ping-interval", default: "15", in: 1...30, of: TimeAmount.seconds,
        "Seconds between two pings on every stream; the browser page and the commands give up after 40 of silence.")
    let slowReaderBytes = Setting(
        "slow-reader-bytes", default: "1048576", in: 16_384...1_073_741_824,
        "Bytes waiting for a reader at which its queue is dropped for a fresh presence_state.")
    let slowReaderAge = Setting(
        "slow-reader-age", default: "10", in: 1...300, of: TimeAmount.seconds,
        "Seconds that events may wait for a reader: then its queue is dropped for a fresh state, "
            + "or its stream ends if the node is full.")
    let stuckReaderAge = Setting(
        "stuck-reader-age", default: "30", in: 1...600, of: TimeAmount.seconds,
        "Seconds after which the connection of a reader that takes no bytes at all is closed.")
    let maximumStreamQueueBytes = Setting(
        "max-stream-queue-bytes", default: "67108864", in: 1_048_576...1_099_511_627_776,
        "Bytes waiting for all slow readers of a node; at the bound new states wait, and the slowest streams end.")
    let maximumReplayBytes = Setting(
        "max-replay-bytes", default: "67108864", in: 0...1_099_511_627_776,
        "Bytes of recent changes that all topics of a node keep for streams that resume; at the bound the oldest go.")
    let maximumTopics = Setting(
        "max-topics", default: "50000", in: 50...100_000_000,
        "Topics that the streams of a node may follow; at the bound a stream of another topic gets 503.")
    let drain = Setting(
        "drain", default: "5", in: 0...8, of: TimeAmount.seconds,
        "Seconds over which a stopping node spreads the ends of its streams.")
    let logLevel = Setting<Logger.Level>(
        choice: "log-level", default: "info", "The least severe log lines to write.")
    let logFormat = Setting<LogFormat>(
        choice: "log-format", default: "text", "How log lines look: for people, or one JSON object a line.")

    /// The settings of this program.
    static let declared = SettingsTable()

    /// All settings, in the order of their declarations, which help and documentation share.
    ///
    /// Each secret is followed by the setting that names a file with it.
    static let all: [SettingInfo] = Mirror(reflecting: declared).children
        .compactMap { ($0.value as? any DeclaredSetting)?.info }
        .flatMap { [$0, $0.fileSetting].compactMap(\.self) }

    private static let claimExpectation = "up to 256 printable ASCII characters without braces or spaces"

    /// Takes the text of a claim, most often a word or a URL.
    private static func claim(_ text: String) -> String? {
        let isPlain = text.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != 0x7b && $0 != 0x7d }
        return isPlain && text.utf8.count <= 256 ? text : nil
    }

    private static let hostExpectation = "an address or a host name, without scheme and port"

    /// Takes an address or a host name to listen on; drops the brackets of an IPv6 address.
    private static func host(_ text: String) -> String? {
        let isBracketed = text.hasPrefix("[") && text.hasSuffix("]")
        let host = isBracketed ? String(text.dropFirst().dropLast()) : text
        var address = in6_addr()
        let isIPv6 = inet_pton(AF_INET6, String(host.prefix { $0 != "%" }), &address) == 1
        if isIPv6 { return host }
        let isName =
            host.utf8.count <= 253 && host.utf8.allSatisfy { Base64URL.contains($0) || $0 == UInt8(ascii: ".") }
        return isBracketed || host.isEmpty || !isName ? nil : host
    }
}
