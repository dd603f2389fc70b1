// Rollcall · PresenceServer

package import Logging
import Metrics
package import NIOCore
import Synchronization

/// Bounds the bytes that wait for all slow readers of a node.
///
/// While the budget is full, feeds encode no states for new subscribers, readers keep at most
/// ``StreamQueue/alwaysAllowed`` bytes of changes, large lists wait, and readers that finish no frame are closed.
package final class QueueBudget: Sendable {
    private struct State {
        var ledger: QueueLedger<SlowReader>
        var nextWarning = NIODeadline.uptimeNanoseconds(0)
    }

    private let state: Mutex<State>
    /// The ledger's `isFull`, to be read without the lock.
    private let isLedgerFull = Atomic(false)
    /// Requests that read or encode a whole list now.
    private let readings = Atomic(0)
    private let gauge = Gauge(label: "rollcall_stream_queue_bytes")
    private let logger: Logger
    /// How long a large list waits for room before it is refused.
    let roomWait: Duration
    /// Large lists that are read or encoded at once; no budget can count their bytes before they are encoded.
    static let maximumReadings = 8

    /// - Parameters:
    ///   - maximumStreamQueueBytes: Bytes at which the budget is full. At twice as many, a stream ends at once when
    ///     another frame would wait for it.
    ///   - slowReaderAge: How long a reader may take for one frame while the budget is full.
    ///   - roomWait: How long a large list waits for room before it is refused.
    package init(
        maximumStreamQueueBytes: Int, slowReaderAge: TimeAmount, roomWait: Duration = .seconds(5), logger: Logger
    ) {
        self.roomWait = roomWait
        let ledger = QueueLedger<SlowReader>(
            maximumStreamQueueBytes: maximumStreamQueueBytes, slowReaderAge: slowReaderAge)
        state = Mutex(State(ledger: ledger))
        self.logger = logger
        gauge.record(0)
    }

    package var isFull: Bool { isLedgerFull.load(ordering: .relaxed) }

    /// Returns whether another state may be encoded; if not, ends slow readers to make room.
    package func makeRoom() -> Bool {
        guard isFull else { return true }
        endSlowReaders()
        return false
    }

    /// Takes one of the ``maximumReadings`` places for reading a whole list; false if none is free.
    func beginReading() -> Bool {
        let before = readings.add(1, ordering: .relaxed).oldValue
        if before >= Self.maximumReadings { readings.subtract(1, ordering: .relaxed) }
        return before < Self.maximumReadings
    }

    func endReading() { readings.subtract(1, ordering: .relaxed) }

    /// Counts a frame that waits for a reader, for as long as the result lives.
    ///
    /// At twice the bound a stream ends. An answer is kept: the node refused large reads before, and a write has
    /// happened.
    func hold(_ frame: ByteBuffer, for reader: SlowReader) -> CountedFrame {
        let isAllowed = change { ledger in
            ledger.hold(frame.storageAddress, bytes: frame.storageCapacity, by: reader, at: .now())
        }
        if case .stream = reader, !isAllowed { reader.end() } else if isFull { endSlowReaders() }
        return CountedFrame(frame, of: reader, in: self)
    }

    fileprivate func release(_ frame: ByteBuffer, of reader: SlowReader, isFinished: Bool) {
        change { $0.release(frame.storageAddress, by: reader, isFinished: isFinished, at: .now()) }
    }

    private func change<Result: Sendable>(_ body: (inout QueueLedger<SlowReader>) -> Result) -> Result {
        state.withLock { state in
            let result = body(&state.ledger)
            isLedgerFull.store(state.ledger.isFull, ordering: .relaxed)
            gauge.record(state.ledger.bytes)
            return result
        }
    }

    /// Ends the readers that the ledger chooses, and logs their number once a minute at most.
    private func endSlowReaders() {
        let now = NIODeadline.now()
        let (readers, bytes, warns) = state.withLock { state in
            let readers = state.ledger.chooseSlowReaders(at: now)
            let warns = !readers.isEmpty && now >= state.nextWarning
            if warns { state.nextWarning = now + .minutes(1) }
            return (readers, state.ledger.bytes, warns)
        }
        if warns {
            logger.warning(
                "streams: queue budget is full, slow readers are closed",
                metadata: ["bytes": "\(bytes)", "readers": "\(readers.count)"])
        }
        for reader in readers { reader.end() }
    }
}

/// One frame that waits for one reader; the budget counts it until this object is deallocated.
package final class CountedFrame: Sendable {
    /// Keeps the bytes alive, because the budget identifies the frame by their address.
    private let frame: ByteBuffer
    private let reader: SlowReader
    private let budget: QueueBudget
    private let isFinished = Atomic(false)

    fileprivate init(_ frame: ByteBuffer, of reader: SlowReader, in budget: QueueBudget) {
        self.frame = frame
        self.reader = reader
        self.budget = budget
    }

    /// Notes that the reader has taken the whole frame.
    func finish() { isFinished.store(true, ordering: .relaxed) }

    deinit { budget.release(frame, of: reader, isFinished: isFinished.load(ordering: .relaxed)) }
}

extension ByteBuffer {
    /// The address of the bytes that this buffer shares with its copies.
    fileprivate var storageAddress: UInt { withVeryUnsafeBytes { UInt(bitPattern: $0.baseAddress) } }
}
