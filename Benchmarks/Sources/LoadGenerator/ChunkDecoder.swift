// Rollcall · LoadGenerator

/// Finds the content between the chunk headers of a body (RFC 9112 §7.1), without copying it.
struct ChunkDecoder {
    private enum Phase: UInt8 { case size, restOfSize, content, end, last }

    private var phase = Phase.size
    private var left = 0
    /// The chunk of size 0 and the empty line after it were seen.
    private(set) var isOver = false

    /// Calls `content` for each run of content in these bytes.
    mutating func decode(
        _ start: UnsafeMutablePointer<UInt8>, _ count: Int,
        _ content: (UnsafeMutablePointer<UInt8>, Int) -> Void
    ) {
        var at = start
        let end = start + count
        while at < end, !isOver {
            switch phase {
            case .size, .restOfSize: header(&at)
            case .content:
                let run = min(left, end - at)
                content(at, run)
                at += run
                left -= run
                if left == 0 { phase = .end }
            case .end:
                if at.pointee == UInt8(ascii: "\n") { phase = .size }
                at += 1
            case .last:  // the measured servers send no trailers
                if at.pointee == UInt8(ascii: "\n") { isOver = true }
                at += 1
            }
        }
    }

    private mutating func header(_ at: inout UnsafeMutablePointer<UInt8>) {
        let byte = at.pointee
        at += 1
        switch byte {
        case UInt8(ascii: "\n"):
            phase = left == 0 ? .last : .content
        case _ where phase == .restOfSize: break
        case UInt8(ascii: "0")...UInt8(ascii: "9"): left = (left << 4) + Int(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): left = (left << 4) + Int(byte - UInt8(ascii: "a")) + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): left = (left << 4) + Int(byte - UInt8(ascii: "A")) + 10
        default: phase = .restOfSize
        }
    }
}
