// Rollcall · LocalServices

import Foundation
import Synchronization

/// A private PostgreSQL server: its own folder, its own unix socket, no port; it ends with its owner.
///
/// One owner calls `start`, `stop` and `restart`, one at a time. Each client of the socket is the superuser `postgres`,
/// so only the server's own user and root may open it. Data outlives the process, even if it is killed, but not a crash
/// of the machine: no write waits for the disk.
package final class LocalPostgres: Sendable {
    /// The folder of the server.
    ///
    /// It is the given folder, which ``stop()`` keeps. If none was given, or the server's user cannot reach it, it is a
    /// temporary folder, which ``stop()`` removes.
    package let folder: String
    /// Whether ``stop()`` removes the data.
    package var isTemporary: Bool { self.temporaryFolders.contains(self.folder) }
    private let socketFolder: String
    private let temporaryFolders: [String]
    private let arguments: [String]
    private let programs: PostgresPrograms
    private let user: ServiceUser
    private let process = Mutex<OwnedProcess?>(nil)
    /// Held from the start until ``stop()``, also while the server is down in between.
    private let lock: Mutex<FolderLock?>

    /// Starts a server and returns once it accepts connections.
    ///
    /// If this process is root, the server runs as the user `postgres` and the folder is given to that user.
    ///
    /// - Parameters:
    ///   - folder: made if absent, with a new cluster in it; nil for a temporary one.
    ///   - arguments: put after the default ones, which they override: `["-c", "max_connections=20"]`.
    package static func start(
        folder: String? = nil, arguments: [String] = []
    ) async throws(LocalServicesError) -> LocalPostgres {
        let postgres = try await LocalPostgres(folder: folder, arguments: arguments)
        do throws(LocalServicesError) {
            try await postgres.start()
        } catch {
            await postgres.stop()
            throw error
        }
        return postgres
    }

    private init(folder: String?, arguments: [String]) async throws(LocalServicesError) {
        let wanted = folder.map { URL(fileURLWithPath: $0).path }
        let cluster = "\(wanted ?? "")/data"
        self.programs = try await PostgresPrograms.find(for: cluster)
        self.arguments = arguments
        self.user = try ServiceUser("PostgreSQL", accounts: ["postgres"], owner: cluster)
        if let wanted {
            do {
                try FileManager.default.createDirectory(atPath: wanted, withIntermediateDirectories: true)
            } catch {
                throw LocalServicesError(.startFailed, "cannot make \(wanted): \(error.localizedDescription)")
            }
        }
        if let wanted, await self.user.takeOver(wanted) {
            self.folder = wanted
            // The server and its clients take a comma for a separator between folders of sockets.
            let holdsSocket =
                !wanted.contains(",") && Self.socket(in: wanted).utf8.count <= LocalSocket.longestPath
            self.temporaryFolders = holdsSocket ? [] : [try TemporaryFolder.make()]
        } else {
            self.folder = try TemporaryFolder.make()
            self.temporaryFolders = [self.folder]
        }
        self.socketFolder = self.temporaryFolders.first ?? self.folder
        do throws(LocalServicesError) {
            for folder in self.temporaryFolders where await !self.user.takeOver(folder) {
                throw LocalServicesError(.startFailed, "PostgreSQL's user cannot work in \(folder)")
            }
            self.lock = Mutex(try FolderLock(folder: self.folder))
        } catch {
            for folder in self.temporaryFolders { TemporaryFolder.remove(folder) }
            throw error
        }
    }

    package var socketPath: String { Self.socket(in: self.socketFolder) }

    /// The URL of the database `postgres`: `postgresql:///postgres?host=/path&port=5432&user=postgres`,
    /// percent-encoded.
    package var url: String { self.url(database: "postgres") }

    package func url(database: String) -> String {
        let host = self.socketFolder.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        return "postgresql:///\(database)?host=\(host)&port=\(Self.port)&user=postgres"
    }

    /// The process id, or nil while the server is down.
    package var pid: Int32? {
        self.current.flatMap { $0.exit == nil ? $0.pid : nil }
    }

    /// The output of the server since its last start.
    package var log: String { self.current?.log.text ?? "" }

    /// Runs SQL through psql and returns its rows, one a line, with `|` between columns.
    ///
    /// Several statements are one transaction.
    @discardableResult
    package func psql(_ sql: String, database: String = "postgres") async throws(LocalServicesError) -> String {
        try await self.user.run(
            self.programs.psql,
            [
                "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set", "ON_ERROR_STOP=1",
                "--dbname", self.url(database: database), "--command", sql,
            ], environment: Self.environment)
    }

    /// Stops the server, removes the temporary folders and releases the lock of its folder.
    package func stop() async {
        await self.halt()
        self.lock.withLock { $0 = nil }
        for folder in self.temporaryFolders { TemporaryFolder.remove(folder) }
    }

    /// Stops the server and keeps its folder for ``restart()``: an outage.
    ///
    /// Clients lose their connections at once.
    package func halt() async {
        guard let process = self.take() else { return }
        process.resumeFamily()
        await process.stop(asking: SIGINT)
    }

    /// Kills the server and all its sessions, like a power cut.
    package func kill() async {
        await self.take()?.killFamily()
    }

    /// Starts the server again with its data, at the same socket; stops it first if it runs.
    package func restart() async throws(LocalServicesError) {
        await self.halt()
        try await self.start()
    }

    /// Freezes the server and all its sessions: sockets stay open, without answers.
    package func pause() {
        self.current?.pauseFamily()
    }

    /// Ends a pause.
    package func resume() {
        self.current?.resumeFamily()
    }

    private var current: OwnedProcess? { self.process.withLock { $0 } }

    private var cluster: String { "\(self.folder)/data" }

    /// The changes to the environment: `PGDATA`, `PGPORT`, `PGHOST` and the like are removed, since they mean other
    /// servers.
    private static var environment: [String: String?] {
        var environment: [String: String?] = ["LC_ALL": "C"]
        for name in ProcessInfo.processInfo.environment.keys where name.hasPrefix("PG") {
            environment.updateValue(nil, forKey: name)
        }
        return environment
    }

    /// The port is used only in the socket's name.
    private static let port = 5432

    private static func socket(in folder: String) -> String { "\(folder)/.s.PGSQL.\(Self.port)" }

    private func take() -> OwnedProcess? {
        self.process.withLock { process in
            defer { process = nil }
            return process
        }
    }

    private func start() async throws(LocalServicesError) {
        try await self.makeCluster()
        try await self.waitForPredecessor()
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            do throws(LocalServicesError) {
                return try await self.launch()
            } catch {
                // Sessions of a killed server take a moment to end.
                guard error.message.contains("shared memory block"), ContinuousClock.now < deadline,
                    (try? await Task.sleep(for: .milliseconds(20))) != nil
                else { throw error }
            }
        }
    }

    /// Makes the cluster if there is none, under another name first: an interrupted initdb leaves half a cluster.
    private func makeCluster() async throws(LocalServicesError) {
        guard !FileManager.default.fileExists(atPath: self.cluster) else { return }
        let new = "\(self.cluster).new"
        TemporaryFolder.remove(new)
        try await self.user.run(
            self.programs.initdb,
            [
                "--pgdata", new, "--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--locale", "C",
                "--no-sync",
            ], environment: Self.environment)
        guard rename(new, self.cluster) == 0 else {
            throw LocalServicesError(.startFailed, "cannot make \(self.cluster): \(String(cString: strerror(errno)))")
        }
    }

    private func launch() async throws(LocalServicesError) {
        var own = ["-D", self.cluster, "-k", self.socketFolder, "-p", "\(Self.port)"]
        let settings = [
            "listen_addresses=", "unix_socket_permissions=0700", "fsync=off", "full_page_writes=off",
            "logging_collector=off",
            // In the folder, because a killed server would leave files in the system's shared memory for ever.
            "dynamic_shared_memory_type=mmap",
        ]
        for setting in settings { own += ["-c", setting] }
        let process = try await self.user.start(
            self.programs.postgres, own + self.arguments, environment: Self.environment)
        self.process.withLock { $0 = process }
        try await process.ready(within: .seconds(120)) {
            let status = self.status
            return status.first == "\(process.pid)" && status.last == "ready" ? true : nil
        }
    }

    /// Waits up to 5 s for the end of a server after its owner was killed, and removes its files.
    ///
    /// Another process may have the id in its `postmaster.pid` by now, and PostgreSQL would take that process for a
    /// server.
    private func waitForPredecessor() async throws(LocalServicesError) {
        let status = self.status
        guard status.count > 4 else { return }
        let deadline = ContinuousClock.now + .seconds(5)
        while LocalSocket.isOpen("\(status[4])/.s.PGSQL.\(status[3])") {
            guard ContinuousClock.now < deadline, (try? await Task.sleep(for: .milliseconds(5))) != nil else {
                throw LocalServicesError(.inUse, "another PostgreSQL works in \(self.folder)")
            }
        }
        for file in ["\(self.cluster)/postmaster.pid", "\(self.socketPath).lock"] {
            TemporaryFolder.remove(file)
        }
    }

    /// The lines of `postmaster.pid`: process id, data folder, start, port, socket folder, address, memory, readiness.
    private var status: [String] {
        let text = (try? String(contentsOfFile: "\(self.cluster)/postmaster.pid", encoding: .utf8)) ?? ""
        return text.split(separator: "\n", omittingEmptySubsequences: false).prefix(8).map {
            $0.trimmingCharacters(in: .whitespaces)
        }
    }
}

/// Runs `body` with a private PostgreSQL server and stops the server afterwards.
package func withLocalPostgres<Result>(
    folder: String? = nil, arguments: [String] = [],
    isolation: isolated (any Actor)? = #isolation,
    _ body: (LocalPostgres) async throws -> sending Result
) async throws -> sending Result {
    let postgres = try await LocalPostgres.start(folder: folder, arguments: arguments)
    do {
        let result = try await body(postgres)
        await postgres.stop()
        return result
    } catch {
        await postgres.stop()
        throw error
    }
}
