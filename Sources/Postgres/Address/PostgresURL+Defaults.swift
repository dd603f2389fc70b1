// Rollcall · Postgres

import CPostgres
import Foundation

extension PostgresURL {
    /// The files that hold the system's authorities: Debian and Alpine, Fedora, macOS and BSD.
    private static let authorityFiles = [
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem",
    ]

    /// Adds our defaults, which differ from libpq's: certificates are checked, and a dead server is noticed.
    mutating func addDefaults(in surroundings: PostgresEnvironment) {
        addSecurity(in: surroundings)
        // A peer that vanished is given up after a minute of silence, or ten seconds with unacknowledged bytes.
        setDefault("keepalives_idle", "30")
        setDefault("keepalives_interval", "10")
        setDefault("keepalives_count", "3")
        setDefault("tcp_user_timeout", "10000")
        setDefault("fallback_application_name", "rollcall")
        if let timeout = surroundings.environment("PGCONNECT_TIMEOUT") { setDefault("connect_timeout", timeout) }
        set("client_encoding", "UTF8")
    }

    /// Keeps libpq's default, `prefer`, only for a server on this machine: with it, any host on the path can read all.
    private mutating func addSecurity(in surroundings: PostgresEnvironment) {
        let mode = parameters["sslmode"] ?? surroundings.environment("PGSSLMODE")
        if mode == nil, isRemote(in: surroundings) { set("sslmode", "verify-full") }
        guard (mode ?? parameters["sslmode"]) == "verify-full",
            parameters["sslrootcert"] == nil, surroundings.environment("PGSSLROOTCERT") == nil,
            !surroundings.fileExists((surroundings.environment("HOME") ?? "") + "/.postgresql/root.crt")
        else { return }
        if surroundings.libpqVersion >= 160_000 {
            set("sslrootcert", "system")
        } else if let file = Self.authorityFiles.first(where: surroundings.fileExists) {
            set("sslrootcert", file)
        }
    }

    /// Whether one of the servers may be on another machine, as one in a service file may: the file is not read here.
    private func isRemote(in surroundings: PostgresEnvironment) -> Bool {
        let environment = surroundings.environment
        if (parameters["service"] ?? environment("PGSERVICE")) != nil { return true }
        let hosts =
            parameters["hostaddr"] ?? environment("PGHOSTADDR") ?? parameters["host"] ?? environment("PGHOST") ?? ""
        return hosts.split(separator: ",").contains { !Self.isLocal(String($0)) }
    }

    /// Whether the host is a socket's folder (`@`: an abstract one) or an address that never leaves this machine.
    private static func isLocal(_ host: String) -> Bool {
        if host.hasPrefix("/") || host.hasPrefix("@") || host.lowercased() == "localhost" { return true }
        var address = in_addr()
        if inet_pton(AF_INET, host, &address) == 1 {
            return withUnsafeBytes(of: address) { $0.first == 127 }
        }
        var address6 = in6_addr()
        guard inet_pton(AF_INET6, host, &address6) == 1 else { return false }
        return withUnsafeBytes(of: address6) { $0.dropLast().allSatisfy { $0 == 0 } && $0.last == 1 }
    }
}

/// The variables, files and version of libpq that decide how a ``PostgresURL`` connects; tests replace them.
struct PostgresEnvironment: Sendable {
    var environment: @Sendable (String) -> String?
    var fileExists: @Sendable (String) -> Bool
    /// As `PQlibVersion` counts: 160002 is 16.2.
    var libpqVersion: Int

    static let actual = PostgresEnvironment(
        environment: { name in getenv(name).map { String(cString: $0) } },
        fileExists: { path in access(path, R_OK) == 0 },
        libpqVersion: Int(PQlibVersion()))
}
