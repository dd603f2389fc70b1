// Rollcall · LocalServices

import Foundation

/// A short-named folder under `/tmp` that belongs to this process.
///
/// Short, because a unix socket's path has at most 107 bytes (103 on macOS) and `TMPDIR` may use them up. The owner
/// removes it; one whose owner was killed is removed by the next ``make()``, which reads the owner's process id off the
/// name.
package enum TemporaryFolder {
    private static let parent = "/tmp"
    private static let prefix = "rollcall-"

    package static func make() throws(LocalServicesError) -> String {
        Self.removeAbandoned()
        let name = String(UInt32.random(in: .min ... .max), radix: 36)
        let folder = "\(Self.parent)/\(Self.prefix)\(getpid())-\(name)"
        guard mkdir(folder, 0o700) == 0 else {
            throw LocalServicesError(.startFailed, "cannot make \(folder): \(String(cString: strerror(errno)))")
        }
        return folder
    }

    package static func remove(_ folder: String) {
        try? FileManager.default.removeItem(atPath: folder)
    }

    private static func removeAbandoned() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: Self.parent)) ?? [] {
            guard name.hasPrefix(Self.prefix) else { continue }
            let parts = name.dropFirst(Self.prefix.count).split(separator: "-")
            guard parts.count == 2, let owner = pid_t(parts[0]), kill(owner, 0) != 0, errno == ESRCH else { continue }
            Self.remove("\(Self.parent)/\(name)")
        }
    }
}
