// Rollcall · LoadGeneratorTests

@testable import LoadGenerator

/// A frame of a WebSocket.
struct Frame: Equatable {
    let kind: FrameDecoder.Kind
    let payload: [UInt8]

    init(_ kind: FrameDecoder.Kind, _ payload: [UInt8]) {
        self.kind = kind
        self.payload = payload
    }

    init(_ kind: FrameDecoder.Kind, _ payload: String) {
        self.init(kind, Array(payload.utf8))
    }

    /// The bytes that a server sends.
    var bytes: [UInt8] {
        var bytes = [kind.rawValue]
        switch payload.count {
        case ..<126: bytes.append(UInt8(payload.count))
        case ...0xFFFF: bytes += [126] + Self.bigEndian(payload.count, 2)
        default: bytes += [127] + Self.bigEndian(payload.count, 8)
        }
        return bytes + payload
    }

    private static func bigEndian(_ number: Int, _ width: Int) -> [UInt8] {
        (0..<width).reversed().map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }

    /// Reads short frames of a client: the whole ones.
    static func ofClient(_ bytes: some Sequence<UInt8>) -> [Frame] {
        var rest = Array(bytes)
        var frames: [Frame] = []
        while rest.count >= 6, let kind = FrameDecoder.Kind(rawValue: rest[0]), rest[1] >= 0x80 {
            let size = 6 + Int(rest[1] & 0x7F)
            guard rest.count >= size else { break }
            let key = Array(rest[2..<6])
            frames.append(Frame(kind, rest[6..<size].enumerated().map { $1 ^ key[$0 % 4] }))
            rest.removeFirst(size)
        }
        return frames
    }
}
