// Rollcall · RedisTests

import NIOCore
import NIOEmbedded
import Testing

@testable import Redis

/// Faults of the protocol that a real Redis does not produce on demand.
@Suite("A Redis connection and a faulty server")
struct RedisChannelHandlerTests {
    private let ping = RedisCommand("PING")

    /// Sends one command, runs `fault`, and returns the error that the caller gets.
    private func failure(
        of connection: RedisConnection, on fake: FakeRedis, _ fault: () async throws -> Void
    ) async throws -> RedisError? {
        async let outcome = connection.outcome(of: ping)
        _ = try await fake.next()
        try await fault()
        guard case .failure(let error) = await outcome else { return nil }
        return error
    }

    @Test func `A reply that arrives in two pieces answers its command`() async throws {
        try await FakeRedis.withConnection { fake, connection in
            async let reply = connection.send(ping)
            #expect(try await fake.next() == "*1\r\n$4\r\nPING\r\n")
            try await fake.reply("+PO")
            try await fake.reply("NG\r\n")
            #expect(try await reply == .status("PONG"))
            #expect(connection.server.version == "7.0.15")
        }
    }

    @Test(
        arguments: [
            "HTTP/1.1 400 Bad Request\r\n", ">2\r\n", "*2147483647\r\n", "$99999999999\r\n", "$2\r\nabc\r\n",
            String(repeating: "*1\r\n", count: 9), "+PONG\r\n+PONG\r\n",
        ])
    func `Bytes that are no valid reply end the connection, and the next command is not sent`(text: String)
        async throws
    {
        try await FakeRedis.withConnection { fake, connection in
            let error = try await failure(of: connection, on: fake) { try await fake.reply(text) }
            #expect(error == nil || error?.code == .protocolViolation)
            #expect((error == nil) == text.hasPrefix("+PONG"))
            #expect(!connection.isOpen)
            #expect(!fake.channel.isActive)
            let next = await #expect(throws: RedisError.self) { try await connection.send(ping) }
            #expect(next?.code == .unavailable)
        }
    }

    @Test func `The error of an end in the middle of a reply names this place`() async throws {
        try await FakeRedis.withConnection { fake, connection in
            let error = try await failure(of: connection, on: fake) {
                try await fake.reply("$10\r\nabc")
                try await fake.channel.close()
            }
            #expect(error?.code == .disconnected)
            #expect(error?.message.contains("in the middle of a reply") == true)
        }
    }

    @Test func `A command without a reply in time ends the connection, and all waiting commands fail`() async throws {
        try await FakeRedis.withConnection { fake, connection in
            async let first = connection.outcome(of: ping)
            _ = try await fake.next()
            await fake.advanceTime(.milliseconds(1_900))
            try await fake.reply("+PONG\r\n")
            #expect(try await first.get() == .status("PONG"))

            async let second = connection.outcome(of: ping)
            _ = try await fake.next()
            await fake.advanceTime(.milliseconds(1_900))
            #expect(connection.isOpen)
            async let third = connection.outcome(of: ping)
            _ = try await fake.next()
            await fake.advanceTime(.milliseconds(100))
            for outcome in await [second, third] {
                let error = #expect(throws: RedisError.self) { try outcome.get() }
                #expect(error?.code == .timeout)
            }
            #expect(!fake.channel.isActive)
        }
    }

    @Test func `A READONLY error goes to its caller and ends the connection`() async throws {
        try await FakeRedis.withConnection { fake, connection in
            let error = try await failure(of: connection, on: fake) {
                try await fake.reply("-READONLY You can't write against a read only replica.\r\n")
            }
            #expect(error?.code == .readOnly)
            #expect(!connection.isOpen)
        }
    }

    @Test func `Another error reply goes to its caller, and the connection stays open`() async throws {
        try await FakeRedis.withConnection { fake, connection in
            let error = try await failure(of: connection, on: fake) { try await fake.reply("-OOM no memory\r\n") }
            #expect(error?.code == .outOfMemory)
            #expect(connection.isOpen)
        }
    }

    @Test func `A call of a script that Redis does not know is sent again with the text`() async throws {
        try await FakeRedis.withConnection { fake, connection in
            let call = RedisCommand(digest: "d", source: Array("return 1".utf8), keys: [], arguments: [])
            async let reply = connection.send(call)
            #expect(try await fake.next().contains("EVALSHA"))
            try await fake.reply("-NOSCRIPT No matching script.\r\n")
            #expect(try await fake.next() == "*3\r\n$4\r\nEVAL\r\n$8\r\nreturn 1\r\n$1\r\n0\r\n")
            try await fake.reply(":1\r\n")
            #expect(try await reply == .integer(1))
        }
    }

    @Test func `A full connection refuses a command at once, until a reply makes room`() async throws {
        var options = RedisOptions()
        options.maximumPending = 1
        try await FakeRedis.withConnection(options: options) { fake, connection in
            async let first = connection.send(ping)
            _ = try await fake.next()
            let error = await #expect(throws: RedisError.self) { try await connection.send(ping) }
            #expect(error?.code == .unavailable)
            try await fake.reply("+PONG\r\n")
            _ = try await first
            async let second = connection.send(ping)
            _ = try await fake.next()
            try await fake.reply("+PONG\r\n")
            #expect(try await second == .status("PONG"))
        }
    }

    @Test func `A cancelled wait for the end closes the connection after sent commands are answered`() async throws {
        try await FakeRedis.withConnection { fake, connection in
            async let reply = connection.send(ping)
            _ = try await fake.next()
            let end = Task { await connection.untilClosed() }
            end.cancel()
            while connection.isOpen { await fake.advanceTime(.zero) }
            #expect(fake.channel.isActive)
            try await fake.reply("+PONG\r\n")
            #expect(try await reply == .status("PONG"))
            #expect(await end.value.message == "the client is shutting down")
            #expect(!fake.channel.isActive)
        }
    }

    @Test func `A handshake that takes too long or is refused closes the connection`() async throws {
        let slow = try await FakeRedis()
        _ = try await slow.next()
        await slow.advanceTime(.seconds(2))
        let late = await #expect(throws: RedisError.self) { try await slow.session() }
        #expect(late?.code == .timeout)
        #expect(!slow.channel.isActive)

        let strict = try await FakeRedis(url: "redis://:s3cret@h")
        #expect(try await strict.next().hasPrefix("*2\r\n$4\r\nAUTH\r\n$6\r\ns3cret\r\n"))
        try await strict.reply("-WRONGPASS s3cret is wrong\r\n")
        let refused = await #expect(throws: RedisError.self) { try await strict.session() }
        #expect(refused?.code == .wrongPassword)
        #expect(refused?.description.contains("s3cret") == false)
        #expect(!strict.channel.isActive)
    }
}
