// Rollcall · LoadGenerator

import CLinux
import Glibc

/// Status and framing of an HTTP response.
struct ResponseHead {
    private static let end = Array("\r\n\r\n".utf8)

    let status: Int
    /// Bytes of the head, the empty line included.
    let count: Int
    let isChunked: Bool
    let contentLength: Int?
    let bytes: [UInt8]

    /// Nil while the head is incomplete.
    init?(_ bytes: [UInt8]) {
        guard let count = bytes.withUnsafeBufferPointer({ Self.size($0.baseAddress, $0.count) }) else { return nil }
        self.count = count
        self.bytes = Array(bytes[..<count])
        status = bytes[9..<12].reduce(0) { $0 * 10 + Int($1) - 48 }
        contentLength = Self.field("content-length", in: self.bytes).flatMap { Int($0) }
        isChunked = Self.field("transfer-encoding", in: self.bytes) == "chunked"
    }

    /// The size of the head at the start of these bytes; nil while it is incomplete.
    static func size(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int? {
        guard let start, count > 12, let found = memmem(start, count, end, end.count) else { return nil }
        return UnsafeRawPointer(found) - UnsafeRawPointer(start) + 4
    }

    func field(_ name: String) -> String? {
        Self.field(name, in: bytes)
    }

    private static func field(_ name: String, in bytes: [UInt8]) -> String? {
        for line in bytes.split(separator: 10) {
            let parts = line.split(separator: 58, maxSplits: 1)
            guard parts.count == 2, String(decoding: parts[0], as: UTF8.self).lowercased() == name else { continue }
            return String(decoding: parts[1], as: UTF8.self).filter { !$0.isWhitespace }
        }
        return nil
    }
}
