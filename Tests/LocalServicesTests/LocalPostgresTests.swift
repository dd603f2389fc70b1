// Rollcall · LocalServicesTests

import Foundation
import LocalServices
import Synchronization
import TestSupport
import Testing

@Suite("A private PostgreSQL server")
struct LocalPostgresTests {
    @Test func `Each test gets a database of its own on the shared server, which is dropped afterwards`() async throws {
        let server = try await SharedPostgres.postgres
        let (first, second) = try await withPostgres { first in
            try await withPostgres { second in (first, second) }
        }
        #expect(first != second)
        let names = try await server.psql("SELECT datname FROM pg_database")
        for url in [first, second] {
            let name = try #require(URLComponents(string: url)?.path.dropFirst())
            #expect(!name.isEmpty && !names.contains(name))
        }
    }

    @Test func `The server uses UTF-8 and listens only on its socket, and extra arguments override defaults`()
        async throws
    {
        try await withLocalPostgres(arguments: ["-c", "max_connections=7"]) { postgres in
            let settings = try await postgres.psql(
                """
                SELECT current_setting('server_encoding'), current_setting('listen_addresses'),
                    current_setting('max_connections'), current_setting('dynamic_shared_memory_type'),
                    current_user, 'ü🙂'
                """)
            #expect(settings == "UTF8||7|mmap|postgres|ü🙂")
        }
    }

    @Test func `The folder and the process are gone after the end`() async throws {
        let (folder, pid) = try await withLocalPostgres { postgres in
            (postgres.folder, try #require(postgres.pid))
        }
        #expect(!FileManager.default.fileExists(atPath: folder))
        #expect(kill(pid, 0) != 0)
    }

    @Test func `Data in a given folder outlives a restart, a kill and the owner`() async throws {
        let parent = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(parent) }
        // The server's user must be able to pass the folder.
        #expect(chmod(parent, 0o711) == 0)
        try await withLocalPostgres(folder: parent + "/pg") { postgres in
            let (pid, url) = (postgres.pid, postgres.url)
            try await postgres.psql("CREATE TABLE t AS SELECT 1 AS n")
            try await postgres.restart()
            #expect(postgres.url == url && postgres.pid != pid)
            try await postgres.psql("UPDATE t SET n = 2")
            await postgres.kill()
            #expect(postgres.pid == nil)
            await #expect(throws: LocalServicesError.self) { try await postgres.psql("SELECT 1") }
            try await postgres.restart()
            let kept = try await postgres.psql("SELECT n FROM t")
            #expect(kept == "2")
        }
        try await withLocalPostgres(folder: parent + "/pg") { postgres in
            #expect(postgres.folder == parent + "/pg")
            let kept = try await postgres.psql("SELECT n FROM t")
            #expect(kept == "2")
        }
    }

    @Test func `A stale postmaster.pid with the id of a living process does not prevent a start`() async throws {
        let parent = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(parent) }
        #expect(chmod(parent, 0o711) == 0)
        let other = try await withLocalPostgres { other in
            try await withLocalPostgres(folder: parent + "/pg") { _ in }
            // The process has the same user, so PostgreSQL itself would take it for a running server.
            let pid = try #require(other.pid)
            let lines = ["\(pid)", parent + "/pg/data", "1", "5432", parent + "/pg", "", "1 1", "ready"]
            try lines.joined(separator: "\n").write(
                toFile: parent + "/pg/data/postmaster.pid", atomically: false, encoding: .utf8)
            let answer = try await withLocalPostgres(folder: parent + "/pg") { try await $0.psql("SELECT 1") }
            #expect(answer == "1")
            return pid
        }
        #expect(kill(other, 0) != 0)
    }

    @Test func `A paused server and its sessions answer nothing, a resumed one does, and a stop ends a paused one`()
        async throws
    {
        try await withLocalPostgres { postgres in
            let holder = Task { try await postgres.psql("SELECT pg_advisory_lock(1), pg_sleep(3600)") }
            let holderID = try await eventually("the lock is held") {
                try await Int32(postgres.psql("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"))
            }
            let session = Task { try await postgres.psql("SELECT pg_advisory_lock(1), 'done'") }
            let isDone = Mutex(false)
            let watch = Task {
                _ = try await session.value
                isDone.withLock { $0 = true }
            }
            try await eventually("the session waits for the lock") {
                try await postgres.psql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
                    == "1"
            }
            postgres.pause()
            // The holder ends, and releases the lock, as soon as it runs again.
            #expect(kill(holderID, SIGTERM) == 0)
            #expect(Self.greeting(of: postgres) == nil)
            #expect(Self.greeting(of: postgres) == nil)
            #expect(!isDone.withLock { $0 })
            postgres.resume()
            let answer = try await session.value
            #expect(answer == "|done")
            try await watch.value
            await #expect(throws: LocalServicesError.self) { try await holder.value }
            try await eventually("a greeting") { Self.greeting(of: postgres) == "R" }
            postgres.pause()
        }
    }

    /// The first byte of the server's answer to a new session: `R` is about authentication.
    private static func greeting(of postgres: LocalPostgres) -> Character? {
        let parameters = "user\0postgres\0database\0postgres\0\0"
        let length = Character(UnicodeScalar(UInt8(8 + parameters.utf8.count)))
        return LocalSocket.ask(postgres.socketPath, "\0\0\0\(length)\0\u{3}\0\0" + parameters)?.first
    }

    @Test(
        arguments: [String(repeating: "deep/", count: 25), "a,b/"])
    func `A folder too deep for a socket, or with a comma, gets a socket elsewhere`(name: String) async throws {
        let parent = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(parent) }
        #expect(chmod(parent, 0o711) == 0)
        let folder = parent + "/" + name + "pg"
        try await withLocalPostgres(folder: folder) { postgres in
            #expect(postgres.folder == folder)
            #expect(!postgres.socketPath.contains(name))
            let answer = try await postgres.psql("SELECT 1")
            #expect(answer == "1")
        }
    }

    @Test func `A second server in the same folder is refused, and the first keeps running`() async throws {
        try await withLocalPostgres { first in
            await #expect {
                try await LocalPostgres.start(folder: first.folder)
            } throws: {
                ($0 as? LocalServicesError)?.code == .inUse
            }
            let answer = try await first.psql("SELECT 1")
            #expect(answer == "1")
        }
    }

    @Test func `A server of root runs as another user, in a temporary folder if that user cannot reach the given one`()
        async throws
    {
        guard geteuid() == 0 else { return }
        let parent = try TemporaryFolder.make()  // of mode 0700
        defer { TemporaryFolder.remove(parent) }
        try await withLocalPostgres(folder: parent + "/pg") { postgres in
            #expect(postgres.folder != parent + "/pg")
            let status = try String(contentsOfFile: "/proc/\(try #require(postgres.pid))/status", encoding: .utf8)
            #expect(status.contains(/\nUid:\t[1-9]/))
        }
    }

    @Test func `A setting that PostgreSQL refuses is an error with PostgreSQL's own message`() async throws {
        await #expect {
            try await LocalPostgres.start(arguments: ["-c", "no_such_setting=1"])
        } throws: {
            ($0 as? LocalServicesError)?.message.contains("no_such_setting") == true
        }
    }
}
