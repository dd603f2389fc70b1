// Rollcall · RedisTests

import NIOCore
import Redis
import Testing

@testable import Redis

@Suite("Redis commands")
struct RedisCommandTests {
    @Test func `A command is encoded as an array of bulks, with arguments of every kind`() {
        let command = RedisCommand(
            "SET", ["ключ", RedisArgument([0, 13, 10]), RedisArgument(ByteBuffer(string: "")), -42])
        var buffer = ByteBuffer()
        command.encode(into: &buffer)
        let expected = "*5\r\n$3\r\nSET\r\n$8\r\nключ\r\n$3\r\n\0\r\n\r\n$0\r\n\r\n$3\r\n-42\r\n"
        #expect(String(buffer: buffer) == expected)
        #expect(buffer.readableBytes <= command.encodedSize)
    }

    @Test(arguments: [0, 9, 10, 99, 100, 12_345, 1_000_000])
    func `Lengths with any number of digits are encoded correctly`(count: Int) {
        var buffer = ByteBuffer()
        RedisCommand("X", [.bytes(Array(repeating: 65, count: count))]).encode(into: &buffer)
        let expected = "*2\r\n$1\r\nX\r\n$\(count)\r\n" + String(repeating: "A", count: count) + "\r\n"
        #expect(String(buffer: buffer) == expected)
    }

    @Test func `No description or dump shows arguments`() {
        let command = RedisCommand("AUTH", ["s3cret"])
        var dumped = ""
        dump(command, to: &dumped)
        #expect(!"\(command) \(String(reflecting: command)) \(dumped)".contains("s3cret"))
    }

    @Test func `A call by digest can be turned into a call with the text of the script`() throws {
        let source = Array("return 1".utf8)
        let command = RedisCommand(digest: "abc", source: source, keys: ["k"], arguments: ["a", 2])
        #expect(command.name == "EVALSHA")
        #expect(command.arguments == ["abc", 1, "k", "a", 2])
        let again = try #require(command.withSource)
        #expect(again.name == "EVAL")
        #expect(again.arguments == [.bytes(source), 1, "k", "a", 2])
        #expect(again.withSource == nil)
    }
}
