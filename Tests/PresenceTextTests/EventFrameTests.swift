// Rollcall · PresenceTextTests

import NIOCore
import PresenceText
import Testing

@Suite("Frames of a stream")
struct EventFrameTests {
    @Test func `without their framing chunks are the bytes that a client reads`() {
        var one = EventFrame()
        one.event("ping") { $0 += Array("{}".utf8) }
        var two = EventFrame()
        two.append(String(repeating: "a\r\n", count: 100))
        var chunks = one.chunk()
        chunks.writeImmutableBuffer(two.chunk())
        let text = "event: ping\ndata: {}\n\n\(String(repeating: "a\r\n", count: 100))"
        #expect(String(buffer: EventFrame.unframed(chunks)) == text)
        #expect(EventFrame.unframed(ByteBuffer()).readableBytes == 0)
    }
}
