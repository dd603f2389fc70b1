// Rollcall · LoadGeneratorTests

import Testing

@testable import LoadGenerator

struct FrameDecoderTests {
    /// Lengths of 7, 16 and 64 bits, at their bounds.
    @Test(arguments: [0, 1, 125, 126, 255, 256, 65_535, 65_536, 70_000])
    func `the payload is the bytes behind the length`(size: Int) {
        let frames = [
            Frame(.text, (0..<size).map { UInt8(truncatingIfNeeded: $0) }), Frame(.ping, ""), Frame(.text, "next"),
        ]
        let (decoded, decoder) = decode(frames.flatMap(\.bytes), by: .max)
        #expect(decoded == frames)
        #expect(!decoder.isOver)
    }

    /// Bytes arrive in runs of any size; a run may end anywhere in a header or a payload.
    @Test(arguments: 1...140)
    func `the frames do not depend on where the reads end`(size: Int) {
        let frames = [
            Frame(.text, "a"), Frame(.ping, ""), Frame(.text, [UInt8](repeating: 7, count: 125)), Frame(.pong, "p"),
            Frame(.text, [UInt8](repeating: 8, count: 126)), Frame(.ping, "payload"), Frame(.text, ""),
            Frame(.text, [UInt8](repeating: 9, count: 65_536)), Frame(.close, [0x03, 0xF4]),
        ]
        let (decoded, decoder) = decode(frames.flatMap(\.bytes), by: size)
        #expect(decoded == frames)
        #expect(decoder.isOver)
        #expect(!decoder.isBroken)
    }

    @Test func `nothing is read behind a close frame`() {
        let (decoded, decoder) = decode(Frame(.close, "").bytes + Frame(.text, "late").bytes, by: .max)
        #expect(decoded == [Frame(.close, "")])
        #expect(decoder.isOver)
        #expect(!decoder.isBroken)
    }

    @Test(
        arguments: [
            [0x01, 1, 97],  // the first of several fragments
            [0x80, 1, 97],  // a continuation
            [0x82, 1, 97],  // binary
            [0xC1, 1, 97],  // a reserved bit
            [0x81, 0x81, 1, 2, 3, 4, 97],  // masked
            [0x89, 126, 0, 126],  // a long control frame
            [0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0],  // more than 63 bits
        ] as [[UInt8]])
    func `a frame that no measured server sends ends the reading`(bytes: [UInt8]) {
        let (decoded, decoder) = decode(Frame(.text, "a").bytes + bytes + Frame(.text, "late").bytes, by: .max)
        #expect(decoded == [Frame(.text, "a")])
        #expect(decoder.isBroken)
        #expect(decoder.isOver)
    }

    private func decode(_ bytes: [UInt8], by size: Int) -> ([Frame], FrameDecoder) {
        var decoder = FrameDecoder()
        var frames: [Frame] = []
        var payload: [UInt8] = []
        let step = min(size, bytes.count)
        for start in stride(from: 0, to: bytes.count, by: step) {
            var run = Array(bytes[start..<min(bytes.count, start + step)])
            run.withUnsafeMutableBufferPointer { run in
                decoder.decode(run.baseAddress!, run.count) { start, count, kind, isLast in
                    payload += UnsafeBufferPointer(start: start, count: count)
                    guard isLast else { return }
                    frames.append(Frame(kind, payload))
                    payload = []
                }
            }
        }
        return (frames, decoder)
    }
}
