// Rollcall · LocalServices

import Foundation

/// A lock that marks a folder as in use while its holder lives.
///
/// The system releases the lock when the holder dies for any reason, so that no lock is stale.
final class FolderLock: Sendable {
    /// The name of the lock file.
    static let name = "lock"

    private let descriptor: Int32

    /// Acquires the lock; throws `inUse` at once if another holder has it.
    init(folder: String) throws(LocalServicesError) {
        let path = "\(folder)/\(Self.name)"
        let descriptor = open(path, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw LocalServicesError(.startFailed, "cannot open \(path): \(String(cString: strerror(errno)))")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let reason = errno
            close(descriptor)
            throw reason == EWOULDBLOCK
                ? LocalServicesError(.inUse, "another server works in \(folder)")
                : LocalServicesError(.startFailed, "cannot lock \(path): \(String(cString: strerror(reason)))")
        }
        self.descriptor = descriptor
    }

    deinit {
        // `close` alone is not enough: a process that is being started may hold a copy of the descriptor for a moment.
        flock(self.descriptor, LOCK_UN)
        close(self.descriptor)
    }
}
