// Rollcall · LocalServicesTests

import Foundation
import TestSupport
import Testing

@testable import LocalServices

@Suite("Temporary folders")
struct TemporaryFolderTests {
    private func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    /// A folder in `/tmp` with a file in it and, if asked for, a lock file that nothing holds.
    ///
    /// The owners are set before the lock file is there: otherwise another test's `make()` could remove the folder
    /// first.
    private func foreign(hasLock: Bool, owner: uid_t = geteuid(), lockOwner: uid_t = geteuid()) throws -> String {
        let folder = "/tmp/rollcall-4194305-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        try Data().write(to: URL(fileURLWithPath: "\(folder)/theirs"))
        try Data().write(to: URL(fileURLWithPath: "\(folder)/unnamed"))
        for (path, owner) in [(folder, owner), ("\(folder)/unnamed", lockOwner)] where owner != geteuid() {
            try #require(chown(path, owner, owner) == 0)
        }
        if hasLock { try #require(rename("\(folder)/unnamed", "\(folder)/lock") == 0) }
        return folder
    }

    @Test func `A folder of a living owner stays, and one of a dead owner is removed`() throws {
        let held = try TemporaryFolder.make()
        let abandoned = try foreign(hasLock: true)
        let other = try TemporaryFolder.make()
        #expect(exists(held) && !exists(abandoned))
        for folder in [held, other] {
            TemporaryFolder.remove(folder)
            #expect(!exists(folder) && !exists(String(folder.dropLast(2))))
        }
    }

    @Test func `A folder without a lock file, of another user or behind a link stays`() throws {
        let unknown = try foreign(hasLock: false)
        var kept = [unknown]
        if geteuid() == 0 {
            kept.append(try foreign(hasLock: true, owner: 65_534))
            kept.append(try foreign(hasLock: true, lockOwner: 65_534))
        }
        let link = "/tmp/rollcall-link-\(UInt32.random(in: 0 ... .max))"
        #expect(symlink(unknown, link) == 0)
        defer { unlink(link) }
        TemporaryFolder.remove(try TemporaryFolder.make())
        for folder in kept {
            #expect(exists("\(folder)/theirs"))
            TemporaryFolder.remove(folder)
        }
    }

    @Test func `A removal follows no link`() throws {
        let (folder, target) = (try TemporaryFolder.make(), try TemporaryFolder.make())
        defer { TemporaryFolder.remove(target) }
        try Data().write(to: URL(fileURLWithPath: "\(target)/kept"))
        try FileManager.default.createDirectory(atPath: "\(folder)/a/b", withIntermediateDirectories: true)
        #expect(symlink(target, "\(folder)/a/b/link") == 0)
        try Data().write(to: URL(fileURLWithPath: "\(folder)/a/file"))
        TemporaryFolder.remove(folder)
        #expect(!exists(folder) && exists("\(target)/kept"))
        #expect(symlink(target, folder) == 0 || errno == ENOENT)
    }

    @Test func `A server's user gets no folder of another user and none behind a link`() async throws {
        guard geteuid() == 0 else { return }
        let user = try ServiceUser("Redis", accounts: ["redis", "postgres", "nobody"])
        let (target, parent) = (try TemporaryFolder.make(), try TemporaryFolder.make())
        defer { for folder in [target, parent] { TemporaryFolder.remove(folder) } }
        #expect(symlink(target, "\(parent)/link") == 0)
        #expect(await !user.takeOver("\(parent)/link"))
        let strange = "\(parent)/strange"
        #expect(mkdir(strange, 0o755) == 0 && chown(strange, 12_345, 12_345) == 0)
        #expect(await !user.takeOver(strange))
        let attributes = try FileManager.default.attributesOfItem(atPath: target)
        #expect(attributes[.ownerAccountID] as? Int == 0)
        let owner = try FileManager.default.attributesOfItem(atPath: strange)[.ownerAccountID] as? Int
        #expect(owner == 12_345)
    }

    @Test func `A Redis that root starts for dev runs as another user, in a folder that this user can reach`()
        async throws
    {
        let parent = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(parent) }
        #expect(chmod(parent, 0o711) == 0)
        let redis = try await LocalRedis.start(folder: "\(parent)/redis", isUnprivileged: true)
        let pid = try #require(redis.pid)
        #expect(LocalSocket.ask(redis.socketPath, "PING\r\n") == "+PONG\r\n")
        #expect(redis.folder == "\(parent)/redis")
        #if os(Linux)
            let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
            let uid = status.firstMatch(of: /Uid:\s+(\d+)/).map { String($0.1) }
            #expect(geteuid() != 0 || uid != "0")
        #endif
        await redis.stop()
        #expect(chmod(parent, 0o700) == 0)
        let elsewhere = try await LocalRedis.start(folder: "\(parent)/redis", isUnprivileged: true)
        #expect(geteuid() != 0 || elsewhere.folder != "\(parent)/redis")
        #expect(LocalSocket.ask(elsewhere.socketPath, "PING\r\n") == "+PONG\r\n")
        await elsewhere.stop()
    }
}
