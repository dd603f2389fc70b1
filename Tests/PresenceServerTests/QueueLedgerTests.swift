// Rollcall · PresenceServerTests

import NIOCore
import PresenceServer
import Testing

@Suite("The ledger of what waits for slow readers")
struct QueueLedgerTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private let a = "a"
    private let b = "b"
    private let c = "c"
    private var ledger = QueueLedger<String>(maximumBytes: 10_000, slowAfter: .seconds(10))
    private let own = QueueLedger<String>.bytesPerHold

    private func names(_ streams: [String]) -> [String] { streams.sorted() }

    @Test func `a frame that several streams wait for counts once, until the last has it`() {
        var ledger = ledger
        for stream in [a, b] { _ = ledger.hold(1, bytes: 4_000, by: stream, at: start) }
        #expect(ledger.bytes == 4_000 + 2 * own)
        ledger.release(1, by: a, isFinished: true, at: start)
        #expect(ledger.bytes == 4_000 + own)
        ledger.release(1, by: b, isFinished: false, at: start)
        #expect(ledger.bytes == 0)
        ledger.release(1, by: b, isFinished: false, at: start)
        #expect(ledger.bytes == 0, "a release without a hold changes nothing")
    }

    @Test func `only a full ledger ends streams, and only those that finished no frame for long enough`() {
        var ledger = ledger
        _ = ledger.hold(1, bytes: 6_000, by: a, at: start)
        #expect(!ledger.isFull && ledger.shed(at: start + .minutes(1)).isEmpty)
        _ = ledger.hold(2, bytes: 6_000, by: b, at: start + .seconds(59))
        #expect(ledger.isFull)
        #expect(names(ledger.shed(at: start + .minutes(1))) == ["a"])
        #expect(ledger.shed(at: start + .minutes(2)) == ["b"], "a is being ended already")
    }

    @Test func `a reader that finishes frames is not slow, and one that only loses them is`() {
        var ledger = ledger
        for (stream, isFinished) in [(a, true), (b, false)] {
            let offset = UInt(isFinished ? 0 : 10)
            _ = ledger.hold(1 + offset, bytes: 5_000, by: stream, at: start)
            _ = ledger.hold(2 + offset, bytes: 10, by: stream, at: start)
            ledger.release(2 + offset, by: stream, isFinished: isFinished, at: start + .seconds(9))
        }
        #expect(names(ledger.shed(at: start + .seconds(11))) == ["b"])
    }

    @Test func `the largest frames go first, and of equal ones the oldest`() {
        var ledger = QueueLedger<String>(maximumBytes: 12_000, slowAfter: .seconds(10))
        _ = ledger.hold(1, bytes: 1_000, by: a, at: start)
        _ = ledger.hold(2, bytes: 6_000, by: b, at: start + .seconds(1))
        _ = ledger.hold(3, bytes: 6_000, by: c, at: start + .seconds(2))
        #expect(names(ledger.shed(at: start + .minutes(1))) == ["b"])
        ledger.release(2, by: b, isFinished: false, at: start + .minutes(1))
        #expect(!ledger.isFull)
    }

    @Test func `a frame is freed by ending all of its readers, or left to them if one of them is not slow`() {
        var ledger = ledger
        _ = ledger.hold(1, bytes: 6_000, by: a, at: start)
        _ = ledger.hold(1, bytes: 6_000, by: b, at: start + .seconds(55))
        _ = ledger.hold(2, bytes: 6_000, by: c, at: start)
        #expect(names(ledger.shed(at: start + .minutes(1))) == ["c"], "ending a alone would free nothing")
        var other = self.ledger
        for stream in [a, b] { _ = other.hold(1, bytes: 12_000, by: stream, at: start) }
        #expect(names(other.shed(at: start + .minutes(1))) == ["a", "b"])
    }

    @Test func `at twice the bound a stream may wait for nothing more`() {
        var ledger = ledger
        let first = ledger.hold(1, bytes: 50_000, by: a, at: start)
        let shared = ledger.hold(1, bytes: 50_000, by: b, at: start)
        let second = ledger.hold(2, bytes: 10, by: b, at: start)
        #expect(first && shared && !second, "one frame may be larger than the bound, and readers share it")
    }

    @Test func `random holds and releases leave nothing behind`() {
        var ledger = ledger
        var random = SystemRandomNumberGenerator()
        var held: [(UInt, String)] = []
        for step in 0..<5_000 {
            let now = start + .seconds(Int64(step))
            if held.isEmpty || Bool.random(using: &random) {
                let frame = UInt.random(in: 1...20), stream = [a, b, c][Int.random(in: 0..<3)]
                _ = ledger.hold(frame, bytes: Int(frame) * 100, by: stream, at: now)
                held.append((frame, stream))
            } else {
                let (frame, stream) = held.remove(at: Int.random(in: 0..<held.count))
                ledger.release(frame, by: stream, isFinished: Bool.random(), at: now)
            }
            _ = ledger.shed(at: now)
            let frames = Set(held.map(\.0)).reduce(0) { $0 + Int($1) * 100 }
            #expect(ledger.bytes == frames + held.count * own)
        }
        for (frame, stream) in held { ledger.release(frame, by: stream, isFinished: true, at: start) }
        #expect(ledger.bytes == 0)
    }
}
