// Rollcall · LocalServicesTests

import NIOCore
import TestSupport
import Testing

/// The client's own frames, so that the client is checked before it tests Rollcall.
@Suite("The frames of the WebSocket client")
struct WebSocketBytesTests {
    /// The unmasked text "Hello" of RFC 6455 §5.7.
    private static let hello: [UInt8] = [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]

    @Test func `A frame is taken when its last byte is there, and those behind it stay`() throws {
        var bytes = ByteBuffer()
        for byte in Self.hello.dropLast() {
            bytes.writeInteger(byte)
            #expect(try WebSocketBytes.take(from: &bytes) == nil)
        }
        bytes.writeBytes(Self.hello.suffix(1) + Self.hello)
        for _ in 0..<2 { #expect(try WebSocketBytes.take(from: &bytes)?.text == "Hello") }
        #expect(bytes.readableBytes == 0)
    }

    @Test(arguments: [[0x83, 0x00], [0x01, 0x00], [0xC1, 0x00], [0x81, 0x80, 0, 0, 0, 0]] as [[UInt8]])
    func `A frame that no server may send is refused`(frame: [UInt8]) {
        var bytes = ByteBuffer(bytes: frame)
        #expect(throws: NeverHappened.self) { try WebSocketBytes.take(from: &bytes) }
    }

    @Test(arguments: [0, 125, 126, 0xFFFF, 0x10000])
    func `A client's frame has its length, a mask, and the masked bytes`(length: Int) {
        let payload = (0..<length).map { UInt8(truncatingIfNeeded: $0) }
        let frame = WebSocketBytes.masked(payload)
        let header = length < 126 ? 2 : length <= 0xFFFF ? 4 : 10
        #expect(frame.count == header + 4 + length && frame[0] == 0x81 && frame[1] >= 0x80)
        let mask = frame[header..<header + 4]
        let unmasked = frame.dropFirst(header + 4).enumerated().map { $1 ^ mask[header + $0 % 4] }
        #expect(unmasked == payload)
    }
}
