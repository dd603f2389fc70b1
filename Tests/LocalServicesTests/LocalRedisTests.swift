// Rollcall · LocalServicesTests

import Foundation
import LocalServices
import TestSupport
import Testing

@Suite("A private redis-server")
struct LocalRedisTests {
    @Test func `All tests share one server, which answers`() async throws {
        let first = try await SharedRedis.redis
        try await withRedis { url in
            #expect(url == first.socketURL)
            let answer = try await LocalSocket.answer(from: first.socketPath, to: "PING\r\n")
            #expect(answer == "+PONG\r\n")
        }
    }

    @Test func `The server evicts nothing and saves nothing, and extra arguments override defaults`() async throws {
        try await withLocalRedis(arguments: ["--maxmemory", "20mb", "--hz", "50"]) { redis in
            func setting(_ name: String) async throws -> String? {
                try await LocalSocket.answer(from: redis.socketPath, to: "CONFIG GET \(name)\r\n")
                    .split(separator: "\r\n", omittingEmptySubsequences: false).dropLast().last.map(String.init)
            }
            for (name, value) in [
                ("maxmemory-policy", "noeviction"), ("save", ""), ("maxmemory", "20971520"), ("hz", "50"),
            ] {
                let found = try await setting(name)
                #expect(found == value, "\(name)")
            }
            #expect(redis.url == redis.socketURL)
        }
    }

    @Test func `The folder and the process are gone after the end`() async throws {
        let (folder, pid) = try await withLocalRedis { redis in
            #expect(FileManager.default.fileExists(atPath: redis.socketPath))
            return (redis.folder, try #require(redis.pid))
        }
        #expect(!FileManager.default.fileExists(atPath: folder))
        #expect(kill(pid, 0) != 0)
    }

    @Test func `A restarted server is empty, at the same socket and port, and another process`() async throws {
        try await withLocalRedis(port: true) { redis in
            let (pid, url) = (redis.pid, redis.url)
            #expect(url == "redis://127.0.0.1:\(try #require(redis.port))")
            #expect(try await LocalSocket.answer(from: redis.socketPath, to: "SET a 1\r\n") == "+OK\r\n")
            await redis.kill()
            #expect(redis.pid == nil)
            #expect(LocalSocket.ask(redis.socketPath, "PING\r\n") == nil)
            try await redis.restart()
            #expect(redis.url == url)
            #expect(redis.pid != nil && redis.pid != pid)
            #expect(try await LocalSocket.answer(from: redis.socketPath, to: "GET a\r\n") == "$-1\r\n")
        }
    }

    @Test func `A paused server answers nothing, a resumed one does, and a stop ends a paused one`() async throws {
        try await withLocalRedis { redis in
            redis.pause()
            #expect(LocalSocket.ask(redis.socketPath, "PING\r\n") == nil)
            redis.resume()
            try await eventually("an answer") { LocalSocket.ask(redis.socketPath, "PING\r\n") == "+PONG\r\n" }
            redis.pause()
        }
    }

    @Test func `A given folder is kept, and one too deep for a socket gets a socket elsewhere`() async throws {
        let parent = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(parent) }
        let deep = parent + "/" + String(repeating: "deep/", count: 25) + "redis"
        try await withLocalRedis(folder: deep) { redis in
            #expect(redis.folder == deep)
            #expect(redis.socketPath.utf8.count <= LocalSocket.longestPath)
        }
        #expect(FileManager.default.fileExists(atPath: deep))
    }

    @Test func `A second server in the same folder is refused, and the first keeps running`() async throws {
        try await withLocalRedis { first in
            await #expect {
                try await LocalRedis.start(folder: first.folder)
            } throws: {
                ($0 as? LocalServicesError)?.code == .inUse
            }
            let answer = try await LocalSocket.answer(from: first.socketPath, to: "PING\r\n")
            #expect(answer == "+PONG\r\n")
        }
    }

    @Test func `A setting that Redis refuses is an error with Redis' own message`() async throws {
        await #expect {
            try await LocalRedis.start(arguments: ["--no-such-setting", "1"])
        } throws: {
            ($0 as? LocalServicesError)?.message.contains("no-such-setting") == true
        }
    }
}
