// Rollcall · TestSupport

import Foundation
import LocalServices

/// A private PgBouncer in front of a PostgreSQL of the tests.
package final class Pooler: Sendable {
    /// Whether this machine has PgBouncer; without it, the tests that need it are skipped.
    package static let isInstalled = (try? find()) != nil

    package let port: Int
    private let folder: String

    /// - Parameter postgres: the URL of a database on a local server, which names its socket's folder.
    package init(before postgres: String) throws {
        port = try LocalSocket.freePort()
        folder = try TemporaryFolder.make()
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder)
        let host = URLComponents(string: postgres)?.queryItems?.first { $0.name == "host" }?.value ?? ""
        for mode in ["transaction", "session"] {
            let configuration = """
                [databases]
                * = host=\(host) port=5432 user=postgres
                [pgbouncer]
                listen_addr = 127.0.0.1
                listen_port = \(port)
                unix_socket_dir =
                auth_type = any
                pool_mode = \(mode)
                """
            try configuration.write(toFile: file(mode), atomically: true, encoding: .utf8)
        }
    }

    /// The URL of a database of the server, through the pooler.
    package func url(database: String) -> String {
        "postgresql://postgres@127.0.0.1:\(port)/\(database)?sslmode=disable"
    }

    /// Runs the pooler during `body`.
    package func run<Value>(
        mode: String, isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> sending Value
    ) async throws -> sending Value {
        let program = try Self.find()
        // PgBouncer refuses to run as root, and only the server's user may open its socket.
        let user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
        let command = (geteuid() == 0 ? user : []) + [program, file(mode)]
        let process = try await OwnedProcess.start("/usr/bin/env", arguments: command)
        try await process.ready(within: .seconds(10)) { process.log.text.contains("process up") ? true : nil }
        do {
            let value = try await body()
            await process.stop(asking: SIGINT)
            return value
        } catch {
            await process.stop(asking: SIGINT)
            throw error
        }
    }

    package func remove() { TemporaryFolder.remove(folder) }

    private static func find() throws(LocalServicesError) -> String {
        try Executables.find("pgbouncer", package: (apt: "pgbouncer", brew: "pgbouncer"))
    }

    private func file(_ mode: String) -> String { "\(folder)/\(mode).ini" }
}
