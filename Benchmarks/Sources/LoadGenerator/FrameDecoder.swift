// Rollcall · LoadGenerator

/// Finds the payloads of the frames of a server (RFC 6455 §5.2), without copying them.
///
/// The measured servers send each message as one frame.
struct FrameDecoder {
    /// The first byte of a frame that is not a fragment.
    enum Kind: UInt8, Sendable {
        case text = 0x81
        case close = 0x88
        case ping = 0x89
        case pong = 0x8A
    }

    private enum Phase: UInt8 { case kind, length, moreLength, payload, closed, broken }

    private var phase = Phase.kind
    private var kind = Kind.text
    /// Missing bytes of the length.
    private var lengthBytes: UInt8 = 0
    /// Missing bytes of the payload.
    private var left = 0

    /// A frame came that no measured server sends: a masked one, a fragment, or one of another kind.
    var isBroken: Bool { phase == .broken }
    /// No further frame is read, after a close frame or a broken one.
    var isOver: Bool { phase == .closed || isBroken }

    /// Calls `content` with each run of payload in these bytes.
    ///
    /// Its last two arguments are the kind of the frame, and whether the run is the last of the frame.
    /// A frame without payload has one empty run.
    mutating func decode(
        _ start: UnsafeMutablePointer<UInt8>, _ count: Int,
        _ content: (UnsafeMutablePointer<UInt8>, Int, Kind, Bool) -> Void
    ) {
        var at = start
        let end = start + count
        while at < end {
            switch phase {
            case .kind:
                guard let kind = Kind(rawValue: at.pointee) else {
                    phase = .broken
                    return
                }
                self.kind = kind
                phase = .length
                at += 1
            case .length, .moreLength:
                readLength(at.pointee)
                at += 1
                if phase == .payload, left == 0 { finish(at, 0, content) }
            case .payload:
                let run = min(left, end - at)
                left -= run
                if left == 0 { finish(at, run, content) } else { content(at, run, kind, false) }
                at += run
            case .closed, .broken: return
            }
        }
    }

    private mutating func finish(
        _ start: UnsafeMutablePointer<UInt8>, _ count: Int,
        _ content: (UnsafeMutablePointer<UInt8>, Int, Kind, Bool) -> Void
    ) {
        phase = kind == .close ? .closed : .kind
        content(start, count, kind, true)
    }

    private mutating func readLength(_ byte: UInt8) {
        if phase == .moreLength {
            left = left << 8 | Int(byte)
            lengthBytes -= 1
            if lengthBytes == 0 { phase = left < 0 ? .broken : .payload }
            return
        }
        left = 0
        phase = .moreLength
        switch byte {
        case ..<126:
            left = Int(byte)
            phase = .payload
        case 126 where kind == .text: lengthBytes = 2
        case 127 where kind == .text: lengthBytes = 8
        default: phase = .broken  // masked, or a control frame of more than 125 bytes
        }
    }
}
