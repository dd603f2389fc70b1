// Rollcall · LoadGeneratorTests

import Testing

@testable import LoadGenerator

struct ClientFrameTests {
    /// The masked text of RFC 6455 §5.7.
    @Test func `a frame has its mask before the masked payload`() {
        let bytes = ClientFrame.bytes(.text, Array("Hello".utf8), mask: 0x37FA_213D)
        #expect(bytes == [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58])
    }

    @Test(arguments: [0, 1, 4, 5, ClientFrame.maximumPayload])
    func `a server that applies the mask has the payload`(size: Int) {
        let payload = (0..<size).map { UInt8($0) }
        let bytes = ClientFrame.bytes(.pong, payload, mask: 0x0102_0304)
        #expect(Frame.ofClient(bytes) == [Frame(.pong, payload)])
    }
}
