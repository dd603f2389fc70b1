// Rollcall · LocalServices

import Foundation
import Synchronization

/// A private redis-server: its own folder, its own unix socket, nothing on disk; it ends with its owner.
///
/// One owner calls `start`, `stop` and `restart`, one at a time. It evicts nothing (`noeviction`) and saves nothing, as
/// Rollcall needs it, unless the extra arguments override this.
package final class LocalRedis: Sendable {
    /// The folder of the server, its `--dir`.
    ///
    /// ``stop()`` removes it if it is temporary.
    package let folder: String
    package let socketPath: String
    /// The loopback port, if one was requested; ``restart()`` keeps it.
    package let port: Int?
    private let executable: String
    private let user: ServiceUser
    private let arguments: [String]
    private let environment: [String: String?]
    private let temporaryFolders: [String]
    private let process = Mutex<OwnedProcess?>(nil)

    /// Starts a server and returns once it answers a PING.
    ///
    /// - Parameters:
    ///   - folder: made if absent, kept at the end; nil for a temporary one.
    ///   - port: also listens on a free port of 127.0.0.1, for clients that speak TCP only.
    ///   - arguments: put after the default ones, which they override: `["--maxmemory", "20mb"]`.
    ///   - environment: added to the owner's environment.
    ///   - isUnprivileged: if this process is root, the server runs as the user `redis` and the folder is given to that
    ///     user. If the user cannot reach the folder, a temporary one is used.
    package static func start(
        folder: String? = nil, port: Bool = false, arguments: [String] = [], environment: [String: String?] = [:],
        isUnprivileged: Bool = false
    ) async throws(LocalServicesError) -> LocalRedis {
        let user =
            isUnprivileged ? try ServiceUser("Redis", accounts: ["redis", "postgres", "nobody"]) : .ourselves
        let redis = try await LocalRedis(
            folder: folder, port: port ? LocalSocket.freePort() : nil, arguments: arguments, environment: environment,
            user: user)
        do throws(LocalServicesError) {
            try await redis.start()
        } catch {
            await redis.stop()
            throw error
        }
        return redis
    }

    private init(
        folder: String?, port: Int?, arguments: [String], environment: [String: String?], user: ServiceUser
    ) async throws(LocalServicesError) {
        self.user = user
        self.executable = try Executables.find("redis-server", package: (apt: "redis-server", brew: "redis"))
        self.port = port
        self.arguments = arguments
        self.environment = environment
        let wanted = folder.map { URL(fileURLWithPath: $0).path }
        if let wanted {
            do {
                try FileManager.default.createDirectory(atPath: wanted, withIntermediateDirectories: true)
            } catch {
                throw LocalServicesError(.startFailed, "cannot make \(wanted): \(error.localizedDescription)")
            }
        }
        guard let wanted, await user.takeOver(wanted) else {
            self.folder = try TemporaryFolder.make()
            self.socketPath = "\(self.folder)/redis.sock"
            self.temporaryFolders = [self.folder]
            if await !user.takeOver(self.folder) {
                TemporaryFolder.remove(self.folder)
                throw LocalServicesError(.startFailed, "the user of redis-server cannot work in \(self.folder)")
            }
            return
        }
        self.folder = wanted
        let inside = "\(self.folder)/redis.sock"
        if inside.utf8.count <= LocalSocket.longestPath {
            self.socketPath = inside
            self.temporaryFolders = []
        } else {
            let short = try TemporaryFolder.make()
            _ = await user.takeOver(short)
            self.socketPath = "\(short)/redis.sock"
            self.temporaryFolders = [short]
        }
    }

    /// The URL for clients: `redis://127.0.0.1:port` if a port was requested, else ``socketURL``.
    package var url: String {
        self.port.map { "redis://127.0.0.1:\($0)" } ?? self.socketURL
    }

    /// `redis+unix:///path/redis.sock`, percent-encoded.
    package var socketURL: String {
        "redis+unix://\(self.socketPath.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? "")"
    }

    /// The process id, or nil while the server is down.
    package var pid: Int32? {
        self.current.flatMap { $0.exit == nil ? $0.pid : nil }
    }

    /// The output of the server since its last start.
    package var log: String { self.current?.log.text ?? "" }

    /// Stops the server and removes the temporary folders.
    package func stop() async {
        await self.halt()
        for folder in self.temporaryFolders { TemporaryFolder.remove(folder) }
    }

    /// Stops the server and keeps its folder for ``restart()``: an outage.
    package func halt() async {
        await self.take()?.stop()
    }

    /// Kills the server, like a power cut.
    package func kill() async {
        await self.take()?.kill()
    }

    /// Starts the server again, empty, in the same folder, at the same socket and port; stops it first if it runs.
    package func restart() async throws(LocalServicesError) {
        await self.halt()
        try await self.start()
    }

    /// Freezes the server: its sockets stay open, without answers.
    package func pause() {
        self.current?.send(SIGSTOP)
    }

    /// Ends a pause.
    package func resume() {
        self.current?.send(SIGCONT)
    }

    private var current: OwnedProcess? { self.process.withLock { $0 } }

    private func take() -> OwnedProcess? {
        self.process.withLock { process in
            defer { process = nil }
            return process
        }
    }

    private func start() async throws(LocalServicesError) {
        guard !self.answers else {
            throw LocalServicesError(.inUse, "another redis-server answers at \(self.socketPath)")
        }
        let own = [
            "--port", "\(self.port ?? 0)", "--bind", "127.0.0.1", "--unixsocket", self.socketPath, "--unixsocketperm",
            "700", "--dir", self.folder, "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction",
            "--daemonize", "no", "--logfile", "",
        ]
        let process = try await self.user.start(
            self.executable, own + self.arguments, environment: self.environment)
        self.process.withLock { $0 = process }
        try await process.ready(within: .seconds(60)) { self.answers ? true : nil }
    }

    /// Whether a Redis answers at the socket.
    ///
    /// A request for a password is an answer, too.
    private var answers: Bool {
        let answer = LocalSocket.ask(self.socketPath, "PING\r\n") ?? ""
        return answer.hasPrefix("+PONG") || answer.hasPrefix("-NOAUTH")
    }
}

/// Runs `body` with a private redis-server and stops the server afterwards.
package func withLocalRedis<Result>(
    folder: String? = nil, port: Bool = false, arguments: [String] = [], environment: [String: String?] = [:],
    isolation: isolated (any Actor)? = #isolation,
    _ body: (LocalRedis) async throws -> sending Result
) async throws -> sending Result {
    let redis = try await LocalRedis.start(
        folder: folder, port: port, arguments: arguments, environment: environment)
    do {
        let result = try await body(redis)
        await redis.stop()
        return result
    } catch {
        await redis.stop()
        throw error
    }
}
