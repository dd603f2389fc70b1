// Rollcall · LoadGenerator

import CLinux
import Glibc

/// The parts of a response head that determine its end, read without allocating.
struct ResponseFraming {
    private static let length = Array("\ncontent-length:".utf8)
    private static let chunked = Array("\ntransfer-encoding:".utf8)

    let status: Int
    /// Bytes of the head, the empty line included.
    let count: Int
    let isChunked: Bool
    let contentLength: Int

    /// Nil while the head is incomplete.
    init?(_ start: UnsafePointer<UInt8>, _ count: Int) {
        guard let size = ResponseHead.size(start, count) else { return nil }
        self.count = size
        status = (0..<3).reduce(0) { $0 * 10 + Int(start[9 + $1]) - 48 }
        isChunked = Self.find(Self.chunked, start, size) != nil
        guard status != 304, var at = Self.find(Self.length, start, size) else {
            contentLength = 0
            return
        }
        while start[at] == 32 { at += 1 }
        var length = 0
        while start[at] >= 48, start[at] <= 57 {
            length = length * 10 + Int(start[at]) - 48
            at += 1
        }
        contentLength = length
    }

    /// The offset of the value of a field; the name may be in upper or lower case.
    private static func find(_ field: [UInt8], _ start: UnsafePointer<UInt8>, _ count: Int) -> Int? {
        var at = 0
        while let hit = memchr(start + at, 10, count - at) {
            at = UnsafeRawPointer(hit) - UnsafeRawPointer(start)
            guard count - at >= field.count else { return nil }
            let isIt = field.withUnsafeBufferPointer { name in
                name.indices.allSatisfy { start[at + $0] | 0x20 == name[$0] | 0x20 }
            }
            if isIt { return at + field.count }
            at += 1
        }
        return nil
    }
}
