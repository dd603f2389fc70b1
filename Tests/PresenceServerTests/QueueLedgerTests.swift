// Rollcall · PresenceServerTests

import NIOCore
import PresenceServer
import RandomInput
import Testing

@Suite("The ledger of frames that wait for slow readers")
struct QueueLedgerTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private let a = "a"
    private let b = "b"
    private let c = "c"
    private var ledger = QueueLedger<String>(maximumStreamQueueBytes: 10_000, slowReaderAge: .seconds(10))
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
        #expect(!ledger.isFull && ledger.chooseSlowReaders(at: start + .minutes(1)).isEmpty)
        _ = ledger.hold(2, bytes: 6_000, by: b, at: start + .seconds(59))
        #expect(ledger.isFull)
        #expect(names(ledger.chooseSlowReaders(at: start + .minutes(1))) == ["a"])
        #expect(ledger.chooseSlowReaders(at: start + .minutes(2)) == ["b"], "a is being ended already")
    }

    @Test func `a reader that finishes frames is not slow, and one that only loses them is`() {
        var ledger = ledger
        for (stream, isFinished) in [(a, true), (b, false)] {
            let offset = UInt(isFinished ? 0 : 10)
            _ = ledger.hold(1 + offset, bytes: 5_000, by: stream, at: start)
            _ = ledger.hold(2 + offset, bytes: 10, by: stream, at: start)
            ledger.release(2 + offset, by: stream, isFinished: isFinished, at: start + .seconds(9))
        }
        #expect(names(ledger.chooseSlowReaders(at: start + .seconds(11))) == ["b"])
    }

    @Test func `streams with the largest frame end first, and of equal ones the stream that waits longest`() {
        var ledger = QueueLedger<String>(maximumStreamQueueBytes: 12_000, slowReaderAge: .seconds(10))
        _ = ledger.hold(1, bytes: 1_000, by: a, at: start)
        _ = ledger.hold(2, bytes: 6_000, by: b, at: start + .seconds(1))
        _ = ledger.hold(3, bytes: 6_000, by: c, at: start + .seconds(2))
        #expect(names(ledger.chooseSlowReaders(at: start + .minutes(1))) == ["b"])
        ledger.release(2, by: b, isFinished: false, at: start + .minutes(1))
        #expect(!ledger.isFull)
    }

    @Test func `a frame is freed by ending all of its readers, or left to them if one of them is not slow`() {
        var ledger = ledger
        _ = ledger.hold(1, bytes: 6_000, by: a, at: start)
        _ = ledger.hold(1, bytes: 6_000, by: b, at: start + .seconds(55))
        _ = ledger.hold(2, bytes: 6_000, by: c, at: start)
        #expect(names(ledger.chooseSlowReaders(at: start + .minutes(1))) == ["c"], "ending a alone would free nothing")
        var other = self.ledger
        for stream in [a, b] { _ = other.hold(1, bytes: 12_000, by: stream, at: start) }
        #expect(names(other.chooseSlowReaders(at: start + .minutes(1))) == ["a", "b"])
    }

    @Test func `at twice the bound a stream may wait only for a frame that is held already`() {
        var ledger = ledger
        let first = ledger.hold(1, bytes: 50_000, by: a, at: start)
        let shared = ledger.hold(1, bytes: 50_000, by: b, at: start)
        let second = ledger.hold(2, bytes: 10, by: b, at: start)
        #expect(first && shared && !second, "one frame may be larger than the bound, and readers share it")
    }

    @Test func `a stream that finished its largest frame, and then no other in time, is slow`() {
        var ledger = ledger
        _ = ledger.hold(1, bytes: 50_000, by: a, at: start)
        _ = ledger.hold(2, bytes: 12_000, by: a, at: start)
        ledger.release(1, by: a, isFinished: true, at: start + .seconds(1))
        #expect(ledger.isFull && ledger.chooseSlowReaders(at: start + .seconds(10)).isEmpty)
        #expect(ledger.chooseSlowReaders(at: start + .seconds(11)) == ["a"])
    }

    @Test func `a stream that finished a frame does not cause the end of streams that still wait for it`() {
        var ledger = ledger
        for stream in [a, b] { _ = ledger.hold(1, bytes: 50_000, by: stream, at: start) }
        _ = ledger.hold(2, bytes: 12_000, by: a, at: start)
        ledger.release(1, by: a, isFinished: true, at: start + .seconds(1))
        _ = ledger.hold(1, bytes: 50_000, by: c, at: start + .seconds(9))
        #expect(
            ledger.chooseSlowReaders(at: start + .seconds(11)) == ["a"], "c is not slow, and waits for frame 1 with b")
    }

    @Test func `a stream that waits for one frame twice is ended to free it`() {
        var ledger = ledger
        for _ in 0..<2 { _ = ledger.hold(1, bytes: 12_000, by: a, at: start) }
        #expect(ledger.chooseSlowReaders(at: start + .minutes(1)) == ["a"])
    }

    @Test(arguments: [1, 2, 3, SplitMix.freshSeed()])
    func `random holds and releases leave zero bytes, and each search ends the streams of the model`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var ledger = ledger
        var model = Model()
        var searches = 0
        for step in 0..<5_000 {
            let now = start + .seconds(Int64(step))
            if model.held.isEmpty || random.chance(52) {
                let frame = UInt(1 + random.below(20)), stream = random.pick([a, b, c])
                _ = ledger.hold(frame, bytes: Model.bytes(of: frame), by: stream, at: now)
                model.hold(frame, by: stream, at: now)
            } else {
                let (frame, stream) = model.held[random.below(model.held.count)]
                let isFinished = random.chance(50)
                ledger.release(frame, by: stream, isFinished: isFinished, at: now)
                model.release(frame, by: stream, isFinished: isFinished, at: now)
            }
            let ended = ledger.chooseSlowReaders(at: now)
            #expect(names(ended) == model.chooseSlowReaders(at: now), "seed \(seed), step \(step)")
            searches += ended.isEmpty ? 0 : 1
            for (frame, stream) in model.held where ended.contains(stream) {
                ledger.release(frame, by: stream, isFinished: false, at: now)
                model.release(frame, by: stream, isFinished: false, at: now)
            }
            #expect(ledger.bytes == model.bytes, "seed \(seed), step \(step)")
        }
        #expect(searches > 10, "seed \(seed)")
        for (frame, stream) in model.held { ledger.release(frame, by: stream, isFinished: true, at: start) }
        #expect(ledger.bytes == 0)
    }

    /// The rules of the ledger over a plain list of holds; the number of a frame decides its size.
    private struct Model {
        var held: [(frame: UInt, stream: String)] = []
        var progress: [String: NIODeadline] = [:]

        static func bytes(of frame: UInt) -> Int { Int(frame) * 100 }

        var bytes: Int {
            Set(held.map(\.frame)).reduce(0) { $0 + Self.bytes(of: $1) } + held.count * QueueLedger<String>.bytesPerHold
        }

        mutating func hold(_ frame: UInt, by stream: String, at now: NIODeadline) {
            if !held.contains(where: { $0.stream == stream }) { progress[stream] = now }
            held.append((frame, stream))
        }

        mutating func release(_ frame: UInt, by stream: String, isFinished: Bool, at now: NIODeadline) {
            guard let index = held.firstIndex(where: { $0 == (frame, stream) }) else { return }
            held.remove(at: index)
            if isFinished { progress[stream] = now }
        }

        func chooseSlowReaders(at now: NIODeadline) -> [String] {
            var excess = bytes - 10_000 + 1
            var ended: Set<String> = []
            for frame in Set(held.map(\.frame)).sorted(by: >) where excess > 0 {
                let readers = Set(held.filter { $0.frame == frame }.map(\.stream))
                let isFreed = readers.allSatisfy { reader in
                    let largest = held.filter { $0.stream == reader }.map(\.frame).max()
                    return largest == frame && now - (progress[reader] ?? now) >= .seconds(10)
                }
                guard isFreed else { continue }
                ended.formUnion(readers)
                excess -= Self.bytes(of: frame)
            }
            return ended.sorted()
        }
    }
}
