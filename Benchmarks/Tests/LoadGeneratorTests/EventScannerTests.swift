// Rollcall · LoadGeneratorTests

import Testing

@testable import LoadGenerator

struct EventScannerTests {
    private static let stream = """
        retry: 2000

        event: tracked
        data: {"key":"a","phx_ref":"R0"}

        : room, 2 keys, 2 presences

        id: e-1
        event: presence_state
        data: {"a":{"metas":[{"ts":100,"phx_ref":"R0"}]},"b":{"metas":[{"ts":200,"phx_ref":"R1"}]}}

        id: e-2\r
        event: presence_diff\r
        data: {"joins":{"c":{"metas":[{"ts":700,"phx_ref":"R2"}]}},"leaves":{},"reasons":{}}\r
        \r
        event: ping
        data: {}

        id: 3
        data: {"joins":{"d":{"metas":[{"ts":900,"phx_ref":"R3"}]}},"leaves":{"c":{"metas":[{"ts":700,"phx_ref":"R2"}]}}}


        """

    /// Bytes arrive in runs of any size; a run may end anywhere in a line, a marker or a number.
    @Test(arguments: [1, 2, 3, 5, 7, 11, 13, 40, 63, 64, 65, 100, 10_000])
    func `the counts do not depend on where the reads end`(size: Int) {
        var options = StreamOptions(count: 1, port: 0, path: StreamPath("/"))
        options.readTimes(firstOnly: true)
        options.target = 4
        options.remembersIDs = true
        let (scanner, connection, id) = scan(Self.stream, by: size, EventScanner(options))

        #expect(scanner.counters.states == 1)
        #expect(scanner.counters.diffs == 2)
        #expect(scanner.counters.others == 2)
        #expect(scanner.latency.count == 2)
        #expect(scanner.latency.largest == 300)
        #expect(connection.seen == 3)
        #expect(!connection.isComplete)
        #expect(id == "3")
    }

    @Test(arguments: [1, 4, 9, 64, 10_000])
    func `a state resets the count of presences`(size: Int) {
        var options = StreamOptions(count: 1, port: 0, path: StreamPath("/"))
        options.target = 3
        let (scanner, connection, _) = scan(Self.stream, by: size, EventScanner(options))

        #expect(scanner.counters.markers == 5)
        #expect(connection.seen == 5)
        #expect(scanner.counters.complete == 1)
        let again = scan(Self.stream + "event: presence_state\ndata: {}\n\n", by: size, EventScanner(options))
        #expect(again.0.counters.complete == 0)
        #expect(again.1.seen == 0)
    }

    private func scan(
        _ text: String, by size: Int, _ scanner: EventScanner
    ) -> (EventScanner, StreamConnection, id: String) {
        var scanner = scanner
        scanner.now = 1000
        var connection = StreamConnection()
        let bytes = Array(text.utf8)
        let input = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count + Reactor.headroom)
        let carry = UnsafeMutablePointer<UInt8>.allocate(capacity: StreamConnection.carried)
        let id = UnsafeMutablePointer<UInt8>.allocate(capacity: StreamConnection.idSize)
        defer {
            input.deallocate()
            carry.deallocate()
            id.deallocate()
        }
        for start in stride(from: 0, to: bytes.count, by: size) {
            let run = bytes[start..<min(bytes.count, start + size)]
            for (offset, byte) in run.enumerated() { input[Reactor.headroom + offset] = byte }
            scanner.scan(input + Reactor.headroom, run.count, &connection, carry: carry, id: id)
        }
        let last = UnsafeBufferPointer(start: id, count: Int(connection.idCount))
        return (scanner, connection, String(decoding: last, as: UTF8.self))
    }
}
