// Rollcall · LoadGenerator

import CLinux
import Glibc

/// Reads messages of Phoenix channels, version 2.0.0: `[join_ref,ref,topic,event,payload]`.
///
/// The first four members have no commas, and at most ``StreamConnection/carried`` bytes.
extension EventScanner {
    private static let success = Array(#""status":"ok""#.utf8)

    /// Reads a run of one message; the bytes before `start` are overwritten with the rest of its last run.
    mutating func scanMessage(
        _ start: Bytes, _ count: Int, isLast: Bool, _ connection: inout StreamConnection, carry: Bytes
    ) {
        var at = restore(start, &connection, carry)
        let end = start + count
        if connection.line == .start {
            guard isLast || end - at >= StreamConnection.carried else { return keep(at, end, &connection, carry) }
            let payload = event(at, end, &connection)
            if isLast, connection.kind == .other { noteFault(at, end) }
            at = payload
            connection.line = .data
            connection.hasData = true
        }
        let kept = data(at, end, isWhole: isLast, &connection)
        guard isLast else { return keep(kept, end, &connection, carry) }
        connection.line = .start
        dispatch(&connection)
    }

    /// Reads the beginning of a message; returns the start of its payload.
    private mutating func event(_ start: Bytes, _ end: Bytes, _ connection: inout StreamConnection) -> Bytes {
        var (member, next) = (start, start)
        for _ in 0..<4 {
            guard let comma = memchr(next, 44, end - next)?.assumingMemoryBound(to: UInt8.self) else {
                connection.kind = .other
                return end
            }
            (member, next) = (next, comma + 1)
        }
        name(member + 1, next - 2, &connection)
        return next
    }

    /// Notes a message that is neither presence nor success, such as the refusal of a join.
    private mutating func noteFault(_ start: Bytes, _ end: Bytes) {
        guard counters.firstFault == nil, memmem(start, end - start, Self.success, Self.success.count) == nil else {
            return
        }
        counters.firstFault = String(
            decoding: UnsafeBufferPointer(start: start, count: min(end - start, 300)), as: UTF8.self)
    }
}
