// Rollcall · LoadGenerator

import CLinux
import Glibc

/// Reads Server-Sent Events from runs of bytes, and keeps at most ``StreamConnection/carried`` bytes between two runs.
///
/// Lines end in LF or CRLF. The `event` field must come before `data`, as in all measured servers.
struct EventScanner {
    private static let noLeaves = Array(#""leaves":{}"#.utf8)
    private static let someLeaves = Array(#""leaves":{"#.utf8)

    let marker: [UInt8]
    let isTime: Bool
    let firstOnly: Bool
    var target: Int
    let remembersIDs: Bool
    let countsLeaves: Bool
    let beginsWithAny: Bool
    var counters = StreamCounters()
    var latency = Histogram()
    /// The time at which the bytes were read, on ``Clock``.
    var now: UInt64 = 0

    init(_ options: StreamOptions) {
        marker = Array(options.marker.utf8)
        isTime = options.markerIsTime
        firstOnly = options.firstMarkerOnly
        target = options.target
        remembersIDs = options.remembersIDs
        beginsWithAny = options.beginsWithAny
        countsLeaves = options.remembersIDs
    }

    typealias Bytes = UnsafeMutablePointer<UInt8>

    /// Reads a run; the bytes before `start` are overwritten with the rest of the last run.
    mutating func scan(
        _ start: Bytes, _ count: Int, _ connection: inout StreamConnection, carry: Bytes, id: Bytes?
    ) {
        var at = restore(start, &connection, carry)
        let end = start + count
        while at < end {
            let lineEnd = memchr(at, 10, end - at)?.assumingMemoryBound(to: UInt8.self)
            let limit = lineEnd ?? end
            switch connection.line {
            case .start:
                if lineEnd == nil, end - at < StreamConnection.carried { return keep(at, end, &connection, carry) }
                let isWhole = lineEnd != nil
                let kept = line(at, limit, isWhole: isWhole, &connection, id)
                if !isWhole { return keep(kept, end, &connection, carry) }
            case .data:
                let kept = data(at, limit, isWhole: lineEnd != nil, &connection)
                if lineEnd == nil { return keep(kept, end, &connection, carry) }
                connection.line = .start
            case .ignored:
                if lineEnd == nil { return }
                connection.line = .start
            }
            at = limit + 1
        }
    }

    /// Puts the rest of the last run before this one; returns the start of both.
    func restore(_ start: Bytes, _ connection: inout StreamConnection, _ carry: Bytes) -> Bytes {
        let count = Int(connection.carry)
        guard count > 0 else { return start }
        memcpy(start - count, carry, count)
        connection.carry = 0
        return start - count
    }

    func keep(_ from: Bytes, _ end: Bytes, _ connection: inout StreamConnection, _ carry: Bytes) {
        connection.carry = UInt8(end - from)
        memcpy(carry, from, end - from)
    }

    /// Reads a line from its beginning; returns the start of the bytes that the next run must read again.
    private mutating func line(
        _ start: Bytes, _ limit: Bytes, isWhole: Bool, _ connection: inout StreamConnection, _ id: Bytes?
    ) -> Bytes {
        var end = limit
        if isWhole, end > start, (end - 1).pointee == 13 { end -= 1 }
        let count = end - start
        if count == 0 {
            dispatch(&connection)
            return limit
        }
        if count >= 5, memcmp(start, "data:", 5) == 0 {
            connection.hasData = true
            if !isWhole { connection.line = .data }
            return data(start + 5, limit, isWhole: isWhole, &connection)
        }
        if !isWhole {
            connection.line = .ignored
            return limit
        }
        if count > 6, memcmp(start, "event:", 6) == 0 {
            name(start + 6, end, &connection)
        } else if let id, remembersIDs, count > 4, count - 4 <= StreamConnection.idSize, memcmp(start, "id: ", 4) == 0 {
            memcpy(id, start + 4, count - 4)
            connection.idCount = UInt8(count - 4)
        }
        return limit
    }

    /// Takes the name of an event.
    mutating func name(_ start: Bytes, _ end: Bytes, _ connection: inout StreamConnection) {
        let name = start.pointee == 32 ? start + 1 : start
        if end - name == 13, memcmp(name, "presence_diff", 13) == 0 {
            connection.kind = .diff
        } else if end - name == 14, memcmp(name, "presence_state", 14) == 0 {
            connection.kind = .state
            if connection.isComplete { counters.complete -= 1 }
            connection.isComplete = false
            connection.seen = 0
        } else {
            connection.kind = .other
        }
    }

    /// Counts the markers of data; returns the start of the bytes that the next run must read again.
    mutating func data(
        _ start: Bytes, _ limit: Bytes, isWhole: Bool, _ connection: inout StreamConnection
    ) -> Bytes {
        guard connection.kind != .other else { return limit }
        if countsLeaves, isWhole, connection.kind == .diff { noteLeaves(start, limit) }
        var at = start
        while limit - at >= marker.count, !(firstOnly && connection.hasMarker) {
            guard let found = memmem(at, limit - at, marker, marker.count) else { break }
            let hit = found.assumingMemoryBound(to: UInt8.self)
            var next = hit + marker.count
            if isTime {
                var sent: UInt64 = 0
                while next < limit, next.pointee >= 48, next.pointee <= 57 {
                    sent = sent &* 10 &+ UInt64(next.pointee - 48)
                    next += 1
                }
                if next == limit, !isWhole { return hit }
                if connection.kind == .diff { latency.record(now > sent ? now - sent : 0) }
            }
            connection.hasMarker = true
            connection.seen += 1
            counters.markers += 1
            at = next
        }
        return isWhole ? limit : max(at, limit - (marker.count - 1))
    }

    private mutating func noteLeaves(_ start: Bytes, _ limit: Bytes) {
        let count = limit - start
        guard memmem(start, count, Self.someLeaves, Self.someLeaves.count) != nil,
            memmem(start, count, Self.noLeaves, Self.noLeaves.count) == nil
        else { return }
        counters.leaves += 1
        if counters.firstLeave == nil {
            counters.firstLeave = String(
                decoding: UnsafeBufferPointer(start: start, count: min(count, 300)), as: UTF8.self)
        }
    }

    /// Counts an event that has ended.
    mutating func dispatch(_ connection: inout StreamConnection) {
        defer {
            connection.hasData = false
            connection.hasMarker = false
            connection.kind = .diff
        }
        guard connection.hasData else { return }
        if connection.awaitsFirst, connection.kind != .other || beginsWithAny {
            connection.awaitsFirst = false
            counters.begun += 1
        }
        switch connection.kind {
        case .other:
            counters.others += 1
            return
        case .state: counters.states += 1
        case .diff: counters.diffs += 1
        }
        counters.lastEventAt = now
        if connection.seen >= target, !connection.isComplete {
            connection.isComplete = true
            counters.complete += 1
        }
    }
}
