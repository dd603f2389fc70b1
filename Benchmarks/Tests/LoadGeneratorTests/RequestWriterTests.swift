// Rollcall · LoadGeneratorTests

import Testing

@testable import LoadGenerator

struct RequestWriterTests {
    @Test(arguments: [0, 1, 9, 10, 12345])
    func `a request has the size of its body in Content-Length`(size: Int) throws {
        let writer = RequestWriter(port: 80)
        writer.request(
            "PUT", path: { $0.text("/a") }, body: { writer in for _ in 0..<size { writer.text("x") } })
        let bytes = Array(UnsafeBufferPointer(start: writer.bytes, count: writer.count))
        let framing = try #require(ResponseFraming(bytes, bytes.count))
        #expect(framing.contentLength == size)
        #expect(bytes.count - framing.count == size)
    }

    @Test func `numbers are written in decimal`() {
        let writer = RequestWriter(port: 80)
        for number in [0, 7, 10, 1_234_567_890_123] {
            writer.number(number)
            writer.text(" ")
        }
        let bytes = UnsafeBufferPointer(start: writer.bytes, count: writer.count)
        #expect(String(decoding: bytes, as: UTF8.self) == "0 7 10 1234567890123 ")
    }
}
