// Rollcall · LoadGenerator

/// Frames of a client (RFC 6455 §5.2), which are masked.
enum ClientFrame {
    /// Bytes of the longest payload; a client of the load generator needs no more.
    static let maximumPayload = 125

    static func bytes(_ kind: FrameDecoder.Kind, _ payload: [UInt8], mask: UInt32) -> [UInt8] {
        precondition(payload.count <= maximumPayload)
        let key = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: mask >> $0) }
        var frame = [kind.rawValue, 0x80 | UInt8(payload.count)]
        frame += key
        for (index, byte) in payload.enumerated() { frame.append(byte ^ key[index % 4]) }
        return frame
    }
}
