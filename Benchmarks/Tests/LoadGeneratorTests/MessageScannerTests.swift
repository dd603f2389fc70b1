// Rollcall · LoadGeneratorTests

import Testing

@testable import LoadGenerator

struct MessageScannerTests {
    private static let messages = [
        #"["1","1","room","phx_reply",{"status":"ok","response":{}}]"#,
        """
        ["1",null,"room","presence_state",{"a":{"metas":[{"ts":100,"phx_ref":"R0"}]},\
        "b":{"metas":[{"ts":200,"phx_ref":"R1"}]}}]
        """,
        #"[null,null,"room","presence_diff",{"joins":{"c":{"metas":[{"ts":700,"phx_ref":"R2"}]}},"leaves":{}}]"#,
        #"[null,"2","phoenix","phx_reply",{"status":"ok","response":{}}]"#,
        """
        [null,null,"room","presence_diff",{"joins":{"d":{"metas":[{"ts":900,"phx_ref":"R3"}]}},\
        "leaves":{"c":{"metas":[{"ts":700,"phx_ref":"R2"}]}}}]
        """,
    ]

    /// Bytes arrive in runs of any size; a run may end anywhere in a header, a member, a marker or a number.
    @Test(arguments: 1...140)
    func `the counts do not depend on where the reads end`(size: Int) {
        var options = StreamOptions(count: 1, port: 0, path: StreamPath("/"))
        options.readTimes(firstOnly: true)
        options.target = 3
        let (scanner, connection) = scan(Self.messages, by: size, EventScanner(options))

        #expect(scanner.counters.states == 1)
        #expect(scanner.counters.diffs == 2)
        #expect(scanner.counters.others == 2)
        #expect(scanner.counters.begun == 1)
        #expect(scanner.latency.count == 2)
        #expect(scanner.latency.largest == 300)
        #expect(connection.seen == 3)
        #expect(connection.isComplete)
        #expect(scanner.counters.firstFault == nil)
    }

    /// The marker of a join also has the name of the key.
    @Test(arguments: [1, 5, 30, 64, 65, 10_000])
    func `a long marker finds the times of joins only`(size: Int) {
        var options = StreamOptions(count: 1, port: 0, path: StreamPath("/"))
        options.readTimes(firstOnly: true)
        options.marker = #""joins":{"c":{"metas":[{"ts":"#
        let left = #"[null,null,"room","presence_diff",{"joins":{},"leaves":{"c":{"metas":[{"ts":700}]}}}]"#
        let (scanner, _) = scan(Self.messages + [left], by: size, EventScanner(options))

        #expect(scanner.counters.diffs == 3)
        #expect(scanner.latency.count == 1)
        #expect(scanner.latency.largest == 300)
    }

    @Test(arguments: [
        #"["1","1","room","phx_reply",{"status":"error","response":{"reason":"unauthorized"}}]"#,
        #"["1","1","room","phx_error",{"reason":"unavailable"}]"#,
        #"["1","1","room","phx_close",{}]"#,
        "{}",
    ])
    func `a message that is neither presence nor success is a fault`(message: String) {
        let options = StreamOptions(count: 1, port: 0, path: StreamPath("/"))
        let (scanner, _) = scan([message], by: 10_000, EventScanner(options))

        #expect(scanner.counters.others == 1)
        #expect(scanner.counters.firstFault == message)
    }

    private func scan(
        _ messages: [String], by size: Int, _ scanner: EventScanner
    ) -> (EventScanner, StreamConnection) {
        var scanner = scanner
        scanner.now = 1000
        var connection = StreamConnection()
        var frames = FrameDecoder()
        let bytes = messages.flatMap { Frame(.text, $0).bytes }
        let input = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count + Reactor.headroom)
        let carry = UnsafeMutablePointer<UInt8>.allocate(capacity: StreamConnection.carried)
        defer {
            input.deallocate()
            carry.deallocate()
        }
        for start in stride(from: 0, to: bytes.count, by: size) {
            let run = bytes[start..<min(bytes.count, start + size)]
            for (offset, byte) in run.enumerated() { input[Reactor.headroom + offset] = byte }
            frames.decode(input + Reactor.headroom, run.count) { start, count, _, isLast in
                scanner.scanMessage(start, count, isLast: isLast, &connection, carry: carry)
            }
        }
        return (scanner, connection)
    }
}
