// Rollcall · Postgres

import Dispatch

/// Runs one actor's work on a queue of its own, since libpq blocks and Swift's threads are few.
final class PostgresExecutor: SerialExecutor {
    private let queue = DispatchQueue(label: "rollcall.postgres")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    func checkIsolated() {
        dispatchPrecondition(condition: .onQueue(queue))
    }
}
