// Rollcall · BasicsTests

import Basics
import Synchronization
import Testing

@Suite("Parallel runs")
struct InParallelTests {
    private struct Runs {
        var now = 0
        var most = 0
        var ended: [Int] = []
    }

    @Test(.timeLimit(.minutes(1)), arguments: [(16, 40), (16, 16), (16, 3), (8, 100), (1, 5), (4, 1), (4, 0)])
    func `As many runs go on at once as the width permits, and the others wait for one of them`(
        width: Int, count: Int
    ) async {
        let full = min(width, count)
        let runs = Mutex(Runs())
        let (signals, signal) = AsyncStream.makeStream(of: Void.self)
        // Ends when as many runs have begun as may go on at once; no run ends before.
        let gate = Task { for await _ in signals { return } }
        await inParallel(Array(0..<count), width: width) { number in
            let isFull = runs.withLock { runs in
                runs.now += 1
                runs.most = max(runs.most, runs.now)
                return runs.now == full
            }
            if isFull { signal.yield() }
            await gate.value
            runs.withLock { runs in
                runs.now -= 1
                runs.ended.append(number)
            }
        }
        signal.finish()
        let end = runs.withLock { $0 }
        #expect(end.now == 0 && end.most == full)
        #expect(end.ended.sorted() == Array(0..<count))
    }
}
