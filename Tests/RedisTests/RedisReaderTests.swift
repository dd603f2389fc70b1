// Rollcall · RedisTests

import NIOCore
import RandomInput
import Testing

@testable import Redis

@Suite("The reply reader")
struct RedisReaderTests {
    /// Feeds the pieces in turn and returns all replies.
    private func read(_ pieces: [ByteBuffer], limits: RedisReplyLimits = .init()) throws(RedisError) -> [RedisValue] {
        var reader = try RedisReader(limits: limits)
        var values: [RedisValue] = []
        for var piece in pieces {
            while let value = try reader.next(&piece) { values.append(value) }
            #expect(piece.readableBytes == 0)
        }
        return values
    }

    private func read(_ text: String, limits: RedisReplyLimits = .init()) throws(RedisError) -> [RedisValue] {
        try read([ByteBuffer(string: text)], limits: limits)
    }

    @Test func `Each kind of reply becomes its value`() throws {
        #expect(try read("+OK\r\n") == [.status("OK")])
        #expect(try read("-OOM no\r\n") == [.error(RedisError(.outOfMemory, "OOM no"))])
        #expect(try read(":-9223372036854775808\r\n") == [.integer(.min)])
        #expect(try read("$-1\r\n*-1\r\n") == [.null, .null])
        #expect(try read("$0\r\n\r\n*0\r\n") == [.bulk(ByteBuffer()), .array([])])
        #expect(
            try read("*3\r\n*2\r\n:1\r\n*0\r\n$2\r\n\r\n\r\n-ERR x\r\n") == [
                .array([
                    .array([.integer(1), .array([])]), .bulk(ByteBuffer(string: "\r\n")),
                    .error(RedisError(.other, "ERR x")),
                ])
            ])
    }

    /// All other code relies on this property.
    @Test(arguments: 0..<60 as Range<UInt64>)
    func `A stream gives the same values whole, byte by byte and in pieces of any size`(seed: UInt64) throws {
        var random = RandomReply(seed: seed)
        let values = (0..<random.number(1...12)).map { _ in random.value() }
        var stream = ByteBuffer()
        for value in values { RandomReply.encode(value, into: &stream) }

        #expect(try read([stream]) == values)
        if stream.readableBytes < 20_000 {
            let bytes = stream.readableBytesView.map { ByteBuffer(bytes: [$0]) }
            #expect(try read(bytes) == values)
        }
        let middle = stream.readableBytes / 2
        #expect(
            try read([
                stream.getSlice(at: 0, length: middle)!,
                stream.getSlice(at: middle, length: stream.readableBytes - middle)!,
            ]) == values)
        for _ in 0..<5 {
            var rest = stream
            var pieces: [ByteBuffer] = []
            while rest.readableBytes > 0 {
                let longest = min(rest.readableBytes, [3, 50, 5_000, 100_000][random.number(0...3)])
                pieces.append(rest.readSlice(length: random.number(1...longest))!)
            }
            #expect(try read(pieces) == values)
        }
    }

    @Test func `A reply that is cut at any byte is incomplete until the rest arrives`() throws {
        let stream = ByteBuffer(string: "*2\r\n$3\r\nabc\r\n*1\r\n:12\r\n")
        for length in 1..<stream.readableBytes {
            var reader = try RedisReader(limits: .init())
            var piece = stream.getSlice(at: 0, length: length)!
            #expect(try reader.next(&piece) == nil)
            let isInside = reader.isInsideReply
            #expect(isInside)
            var rest = stream.getSlice(at: length, length: stream.readableBytes - length)!
            #expect(try reader.next(&rest) != nil)
            #expect(try reader.next(&rest) == nil)
            let isStillInside = reader.isInsideReply
            #expect(!isStillInside)
        }
    }

    @Test(
        arguments: [
            "HTTP/1.1 400 Bad Request\r\n", "\r\n", "\0", ">1\r\n:1\r\n", "%1\r\n", "_\r\n", "~0\r\n", ",1.5\r\n",
            "#t\r\n", "=5\r\ntxt:x\r\n", "=-1\r\n", "|1\r\n+a\r\n+b\r\n", "(12\r\n", "%9223372036854775807\r\n",
            "*1\r\n,1.5\r\n", "*2\r\n#f\r\n:1\r\n", "*2\r\n*1\r\n#f\r\n:1\r\n", "*1\r\n_\r\n", "*1\r\n~0\r\n",
            ":\r\n", ":1x\r\n", ":99999999999999999999\r\n", "$\r\n", "$-2\r\n", "$x\r\n", "$01\r\nx\r\n", "*x\r\n",
            "*-2\r\n", "$3\r\nabcdef\r\n", "$1\r\nabc", "*1\r\n?",
        ])
    func `Bytes that are not RESP2 are refused`(text: String) {
        let error = #expect(throws: RedisError.self) { try read(text) }
        #expect(error?.code == .protocolViolation)
    }

    /// hiredis 0.14 refuses more by itself, 1.x does not.
    @Test func `Arrays may be nested eight deep, and a ninth ends the stream`() throws {
        let deep = String(repeating: "*1\r\n", count: 8)
        #expect(try read(deep + ":1\r\n").count == 1)
        for more in ["*1\r\n:1\r\n", "*0\r\n"] {
            let error = #expect(throws: RedisError.self) { try read(deep + more) }
            #expect(error?.code == .protocolViolation)
        }
    }

    /// Without the limit hiredis would allocate 16 GiB for an array, and wait for 8 EiB of a string.
    @Test(
        arguments: [
            "*2147483647\r\n", "*4194305\r\n", "*1\r\n*2147483647\r\n", "*9223372036854775807\r\n", "$536870913\r\n",
            "$9223372036854775807\r\n", "$92233720368547758070\r\n", "$00000000000000000000000000000000000000000001",
            "*2\r\n$4\r\nabcd\r\n$536870912\r\n",
        ])
    func `A giant length is refused as soon as it is announced`(text: String) {
        let error = #expect(throws: RedisError.self) { try read(text) }
        #expect(error?.code == .protocolViolation)
    }

    @Test func `An array that announces many elements takes memory only as they arrive`() throws {
        #expect(try read("*4194304\r\n:1\r\n").isEmpty)
    }

    @Test func `A limit counts all strings and all elements of one reply, and each reply starts from zero`() throws {
        var limits = RedisReplyLimits()
        limits.bytes = 10
        limits.elements = 4
        let fits = "*4\r\n$5\r\naaaaa\r\n+bbbbb\r\n:1\r\n*0\r\n"
        #expect(try read(fits + fits, limits: limits).count == 2)
        #expect(throws: RedisError.self) { try read("*3\r\n$5\r\naaaaa\r\n$5\r\nbbbbb\r\n+c\r\n", limits: limits) }
        #expect(throws: RedisError.self) { try read("*2\r\n$5\r\naaaaa\r\n$6\r\nbbbbbb\r\n", limits: limits) }
        #expect(throws: RedisError.self) { try read("*3\r\n*1\r\n:1\r\n*1\r\n", limits: limits) }
    }

    @Test func `A line without end is refused`() throws {
        var limits = RedisReplyLimits()
        limits.line = 1_000
        let error = #expect(throws: RedisError.self) {
            try read(Array(repeating: ByteBuffer(string: "+aaaaaaaaa"), count: 200), limits: limits)
        }
        #expect(error?.code == .protocolViolation)
    }

    @Test func `Values before an error are returned, and every call after it throws it again`() throws {
        var reader = try RedisReader(limits: .init())
        var stream = ByteBuffer(string: ":1\r\n!\r\n:2\r\n")
        #expect(try reader.next(&stream) == .integer(1))
        let first = #expect(throws: RedisError.self) { try reader.next(&stream) }
        var more = ByteBuffer(string: ":3\r\n")
        let second = #expect(throws: RedisError.self) { try reader.next(&more) }
        #expect(first == second)
    }

    @Test(arguments: 0..<100 as Range<UInt64>)
    func `A damaged stream gives values or a protocol violation, and nothing else`(seed: UInt64) throws {
        var random = RandomReply(seed: seed)
        var stream = ByteBuffer()
        for _ in 0..<5 { RandomReply.encode(random.value(), into: &stream) }
        for _ in 0..<20 {
            var damaged = stream
            for _ in 0..<random.number(1...4) {
                let place = random.number(0...(damaged.readableBytes - 1))
                damaged.setInteger(UInt8(random.number(0...255)), at: place)
            }
            var pieces: [ByteBuffer] = []
            while damaged.readableBytes > 0 {
                pieces.append(damaged.readSlice(length: random.number(1...min(damaged.readableBytes, 9_999)))!)
            }
            do throws(RedisError) {
                _ = try read(pieces)
            } catch {
                #expect(error.code == .protocolViolation)
            }
        }
    }
}
