// Rollcall · LocalServices

import Foundation
import Synchronization

/// A short-named folder under `/tmp` that belongs to this process.
///
/// The name is short, because a unix socket's path has at most 107 bytes (103 on macOS) and `TMPDIR` may use them up.
/// The folder lies in an outer folder, which other users can pass but not change, beside a lock file that this process
/// holds. The owner removes both. If the owner was killed, the next ``make()`` of the same user removes them, once it
/// has acquired the lock. The system releases a lock when its holder dies, in any PID namespace.
package enum TemporaryFolder {
    private static let parent = "/tmp"
    private static let prefix = "rollcall-"
    private static let inner = "w"
    /// The locks of the folders that this process has, by the inner folder's path.
    private static let locks = Mutex<[String: FolderLock]>([:])

    package static func make() throws(LocalServicesError) -> String {
        Self.removeAbandoned()
        while true {
            let outer = "\(Self.parent)/\(Self.prefix)\(String(UInt32.random(in: .min ... .max), radix: 36))"
            guard mkdir(outer, 0o711) == 0 else {
                if errno == EEXIST { continue }
                throw LocalServicesError(.startFailed, "cannot make \(outer): \(String(cString: strerror(errno)))")
            }
            // A umask may have removed the right to pass.
            guard chmod(outer, 0o711) == 0, mkdir("\(outer)/\(Self.inner)", 0o700) == 0 else {
                throw LocalServicesError(.startFailed, "cannot make \(outer): \(String(cString: strerror(errno)))")
            }
            let lock: FolderLock
            do throws(LocalServicesError) {
                lock = try FolderLock(folder: outer)
            } catch {
                // Another process holds the lock, because it took the folder for abandoned.
                if error.code == .inUse { continue }
                throw error
            }
            let folder = "\(outer)/\(Self.inner)"
            // Another process may have removed the folder as abandoned before the lock was acquired.
            guard access(folder, F_OK) == 0 else { continue }
            Self.locks.withLock { $0[folder] = lock }
            return folder
        }
    }

    /// Removes a folder that ``make()`` returned, or any other file or folder; links in it are not followed.
    package static func remove(_ folder: String) {
        let lock = Self.locks.withLock { $0.removeValue(forKey: folder) }
        FolderRemoval.remove(lock == nil ? folder : String(folder.dropLast(Self.inner.count + 1)))
    }

    private static func removeAbandoned() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: Self.parent)) ?? [] {
            let outer = "\(Self.parent)/\(name)"
            guard name.hasPrefix(Self.prefix), Self.isOurs(outer, S_IFDIR),
                Self.isOurs("\(outer)/\(FolderLock.name)", S_IFREG),
                let lock = try? FolderLock(folder: outer)
            else { continue }
            withExtendedLifetime(lock) { FolderRemoval.remove(outer) }
        }
    }

    /// Whether a path is of this kind, no link, and owned by the user of this process.
    private static func isOurs(_ path: String, _ kind: mode_t) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == kind && status.st_uid == geteuid()
    }
}
