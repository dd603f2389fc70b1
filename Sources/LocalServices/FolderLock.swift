// Rollcall · LocalServices

import Foundation

/// Says that a folder is in use, to everybody who asks, for as long as its holder lives.
///
/// The system takes the lock back when the holder dies of anything, so that there is no stale one.
final class FolderLock: Sendable {
    /// The name of the lock file.
    static let name = "lock"

    private let descriptor: Int32

    /// Takes the lock, or fails at once when somebody has it.
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
        // Not by closing alone: a process that is just being started may hold a copy of the descriptor for a moment.
        flock(self.descriptor, LOCK_UN)
        close(self.descriptor)
    }
}
