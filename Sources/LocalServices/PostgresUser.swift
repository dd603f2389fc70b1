// Rollcall · LocalServices

import Foundation

/// Who PostgreSQL's programs run as: they refuse to run as root.
struct PostgresUser: Sendable {
    /// Put before a command to run it as this user; empty when that is who we are.
    private let prefix: [String]
    private let ids: (user: uid_t, group: gid_t)?

    /// Chooses the user for a server in `folder`.
    ///
    /// That is ourselves, or, when we are root, whoever owns the cluster that is there already, else `postgres`, which
    /// every package of PostgreSQL makes.
    init(cluster: String) throws(LocalServicesError) {
        guard geteuid() == 0 else {
            self.prefix = []
            self.ids = nil
            return
        }
        var status = stat()
        let ids: (user: uid_t, group: gid_t)
        if stat(cluster, &status) == 0, status.st_uid != 0 {
            ids = (status.st_uid, status.st_gid)
        } else if let entry = getpwnam("postgres") {
            ids = (entry.pointee.pw_uid, entry.pointee.pw_gid)
        } else {
            throw LocalServicesError(
                .notInstalled, "PostgreSQL refuses to run as root, and there is no user postgres to run it as")
        }
        let setpriv = try Executables.find("setpriv", package: (apt: "util-linux", brew: "util-linux"))
        // The current folder may be one that the user cannot enter, which PostgreSQL's programs do not like.
        self.prefix = [
            setpriv, "--reuid=\(ids.user)", "--regid=\(ids.group)", "--clear-groups", "--no-new-privs", "--",
            "/bin/sh", "-c", "cd / && exec \"$@\"", "sh",
        ]
        self.ids = ids
    }

    /// Starts a program as this user.
    ///
    /// What the environment says to PostgreSQL's programs (`PGDATA`, `PGPORT`, `PGHOST`, …) is meant for others.
    func start(_ program: String, _ arguments: [String]) async throws(LocalServicesError) -> OwnedProcess {
        var environment: [String: String?] = ["LC_ALL": "C"]
        for name in ProcessInfo.processInfo.environment.keys where name.hasPrefix("PG") {
            environment.updateValue(nil, forKey: name)
        }
        let command = self.prefix + [program] + arguments
        return try await OwnedProcess.start(
            command[0], arguments: Array(command.dropFirst()), environment: environment)
    }

    /// Runs a program to its end as this user and returns what it printed.
    @discardableResult
    func run(_ program: String, _ arguments: [String]) async throws(LocalServicesError) -> String {
        let process = try await self.start(program, arguments)
        let exit = await process.waitUntilExit()
        guard exit == .exited(0) else {
            throw LocalServicesError(.startFailed, "\(program) \(exit)\n\(process.log.tail())")
        }
        return process.log.text
    }

    /// Whether this user can make files in a folder and reach it; gives the folder to the user first.
    func owns(_ folder: String) async -> Bool {
        guard let ids else { return access(folder, W_OK | X_OK) == 0 }
        guard chown(folder, ids.user, ids.group) == 0, chmod(folder, 0o700) == 0 else { return false }
        return (try? await self.run("/bin/sh", ["-c", "test -w \"$1\" && test -x \"$1\"", "sh", folder])) != nil
    }
}
