// Rollcall · LocalServices

import Foundation

/// The user that a private server runs as.
///
/// If this process is root, it is another user: PostgreSQL refuses to run as root, and Redis needs no rights of root.
struct ServiceUser: Sendable {
    /// The words before a command that run it as this user; empty for the user of this process.
    private let prefix: [String]
    private let ids: (user: uid_t, group: gid_t)?

    /// The user of this process, with all its rights.
    static let ourselves = ServiceUser(prefix: [], ids: nil)

    private init(prefix: [String], ids: (user: uid_t, group: gid_t)?) {
        self.prefix = prefix
        self.ids = ids
    }

    /// Chooses the user for a server.
    ///
    /// It is the user of this process. If that is root, it is the owner of the server's existing folder, else the first
    /// account of `names` on this machine.
    init(_ server: String, accounts names: [String], owner folder: String? = nil) throws(LocalServicesError) {
        guard geteuid() == 0 else {
            self = .ourselves
            return
        }
        var status = stat()
        let ids: (user: uid_t, group: gid_t)
        if let folder, lstat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, status.st_uid != 0 {
            ids = (status.st_uid, status.st_gid)
        } else if let entry = names.lazy.compactMap({ getpwnam($0) }).first {
            ids = (entry.pointee.pw_uid, entry.pointee.pw_gid)
        } else {
            let accounts = names.joined(separator: " or ")
            throw LocalServicesError(
                .notInstalled, "\(server) must not run as root, and there is no user \(accounts) to run it as")
        }
        let setpriv = try Executables.find("setpriv", package: (apt: "util-linux", brew: "util-linux"))
        // PostgreSQL's programs expect a current folder that their user can enter.
        self.prefix = [
            setpriv, "--reuid=\(ids.user)", "--regid=\(ids.group)", "--clear-groups", "--no-new-privs", "--",
            "/bin/sh", "-c", "cd / && exec \"$@\"", "sh",
        ]
        self.ids = ids
    }

    /// Starts a program as this user.
    func start(
        _ program: String, _ arguments: [String], environment: [String: String?] = [:]
    ) async throws(LocalServicesError) -> OwnedProcess {
        let command = self.prefix + [program] + arguments
        return try await OwnedProcess.start(
            command[0], arguments: Array(command.dropFirst()), environment: environment)
    }

    /// Runs a program to its end as this user and returns its output.
    @discardableResult
    func run(
        _ program: String, _ arguments: [String], environment: [String: String?] = [:]
    ) async throws(LocalServicesError) -> String {
        let process = try await self.start(program, arguments, environment: environment)
        let exit = await process.waitUntilExit()
        guard exit == .exited(0) else {
            throw LocalServicesError(.startFailed, "\(program) \(exit)\n\(process.log.tail())")
        }
        return process.log.text
    }

    /// Gives a folder to this user; returns whether the user can reach it and make files in it.
    ///
    /// Only a folder of root or of this user is given, and never the target of a link.
    func takeOver(_ folder: String) async -> Bool {
        guard let ids else { return access(folder, W_OK | X_OK) == 0 }
        guard Self.give(folder, to: ids) else { return false }
        return (try? await self.run("/bin/sh", ["-c", "test -w \"$1\" && test -x \"$1\"", "sh", folder])) != nil
    }

    private static func give(_ folder: String, to ids: (user: uid_t, group: gid_t)) -> Bool {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, [geteuid(), ids.user].contains(status.st_uid) else { return false }
        return fchown(descriptor, ids.user, ids.group) == 0 && fchmod(descriptor, 0o700) == 0
    }
}
