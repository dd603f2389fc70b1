// Rollcall · Postgres

import Dispatch

/// Runs one actor's work on its own dispatch queue, because libpq blocks and Swift's threads are few.
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
