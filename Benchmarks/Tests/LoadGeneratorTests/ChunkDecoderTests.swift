// Rollcall · LoadGeneratorTests

import Testing

@testable import LoadGenerator

struct ChunkDecoderTests {
    @Test(arguments: 1...40)
    func `the content is the bytes between the chunk headers`(size: Int) {
        let bytes = Array("5\r\nhello\r\n1;name=value\r\n \r\nA\r\n0123456789\r\n0\r\n\r\n".utf8)
        var decoder = ChunkDecoder()
        var content: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            #expect(!decoder.isOver)
            var run = Array(bytes[start..<min(bytes.count, start + size)])
            run.withUnsafeMutableBufferPointer { run in
                decoder.decode(run.baseAddress!, run.count) { content += UnsafeBufferPointer(start: $0, count: $1) }
            }
        }
        #expect(String(decoding: content, as: UTF8.self) == "hello 0123456789")
        #expect(decoder.isOver)
    }
}
