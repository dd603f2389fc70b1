// Rollcall · PresenceFeed

/// Runs what feeds wait for, such as the fetch hook, in tasks that the hub owns and joins when it stops.
///
/// A feed waits for at most one flush and one fetch of changed data at a time, and for one more fetch for each step
/// that comes while its flush waits, which the hook's time-out ends.
final class FeedWork: Sendable {
    typealias Operation = @Sendable () async -> Void

    private let operations: AsyncStream<Operation>
    private let sink: AsyncStream<Operation>.Continuation

    init() {
        (operations, sink) = AsyncStream.makeStream()
    }

    /// Has the hub run an operation; after the hub has stopped nothing runs.
    func run(_ operation: @escaping Operation) { sink.yield(operation) }

    /// Runs operations until cancelled, then waits for the running ones to end.
    func run() async {
        await withDiscardingTaskGroup { group in
            for await operation in operations { group.addTask(operation: operation) }
        }
    }
}
