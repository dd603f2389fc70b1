// Rollcall · RedisTests

import Foundation
import NIOCore
import Testing

@testable import Redis

@Suite("The first bytes of a connection")
struct RedisFirstBytesCheckTests {
    private func newCheck(_ url: String = "redis://h") throws -> RedisFirstBytesCheck {
        var options = RedisOptions()
        options.urlName = "SETTING"
        return RedisFirstBytesCheck(url: try RedisURL(url), options: options)
    }

    @Test(
        arguments: [
            ("HTTP/1.1 400 Bad Request\r\n", .notRedis, "an HTTP server answers at the address in SETTING"),
            ("SSH-2.0-OpenSSH_9.2p1\r\n", .notRedis, "it sends \"SSH-2.0-OpenSSH_9.2p1..\""),
            ("ERROR\r\n", .notRedis, "is not Redis"),
            ("\u{15}\u{3}\u{3}\0\u{2}\u{2}F", .tls, "write rediss:// in SETTING"),
        ] as [(String, RedisTrouble.Kind, String)])
    func `The error for a server that is not Redis names what the server sends`(
        text: String, kind: RedisTrouble.Kind, expected: String
    ) throws {
        var check = try newCheck()
        let error = #expect(throws: RedisError.self) { try check.check(ByteBuffer(string: text)) }
        #expect(error.map { RedisTrouble($0).kind } == kind)
        #expect(error?.message.contains(expected) == true, "\(String(describing: error))")
    }

    @Test(arguments: ["+OK\r\n", "-ERR no\r\n", "*0\r\n", "$-1\r\n", ":1\r\n", "_\r\n"])
    func `First bytes that may be a reply are accepted, and later bytes are not checked`(text: String) throws {
        var check = try newCheck()
        try check.check(ByteBuffer(string: text))
        // Later bytes may be the middle of a reply.
        try check.check(ByteBuffer(string: "HTTP"))
    }

    @Test func `The error for a server that sends nothing suggests the other scheme`() throws {
        let closed = RedisError(.disconnected, "Redis closed the connection")
        #expect(
            try newCheck().explain(closed).message.hasSuffix("if the server speaks TLS, write rediss:// in SETTING"))
        #expect(
            try newCheck("rediss://h").explain(closed).message
                .hasSuffix("if the server does not speak TLS, write redis:// in SETTING"))
        #expect(try newCheck("redis+unix:///s").explain(closed) == closed)
        var known = try newCheck()
        try known.check(ByteBuffer(string: "+OK\r\n"))
        #expect(known.explain(closed) == closed)
    }

    @Test func `The error for a failed system call has the system's text alone`() throws {
        let error = IOError(errnoCode: ECONNRESET, reason: "read(descriptor:pointer:size:)")
        #expect(
            try newCheck("redis+unix:///s").explain(error)
                == RedisError(.disconnected, "the connection failed: Connection reset by peer"))
    }
}
