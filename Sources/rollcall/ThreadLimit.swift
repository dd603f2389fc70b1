// Rollcall · rollcall

import Foundation

/// The number of threads that this process may have.
enum ThreadLimit {
    /// The threads of a node at most: one event loop and one task thread for each core, and 16 for connections to
    /// PostgreSQL, name look-ups, signals and timers.
    static var needed: Int { 16 + 2 * ProcessInfo.processInfo.activeProcessorCount }

    /// Starts as many threads as a node needs, and ends them again.
    ///
    /// Called before the first task: without enough threads the runtime hangs without a message, or ends the process.
    /// Throws `unavailable` if the system starts fewer.
    static func check() throws(ProgramError) {
        #if canImport(Glibc)
            let end = DispatchSemaphore(value: 0)
            let context = Unmanaged.passRetained(end)
            defer { context.release() }
            var threads: [pthread_t] = []
            var code: Int32 = 0
            while threads.count < needed {
                var thread = pthread_t()
                code = pthread_create(
                    &thread, nil,
                    { context in
                        context.map { Unmanaged<DispatchSemaphore>.fromOpaque($0).takeUnretainedValue() }?.wait()
                        return nil
                    }, context.toOpaque())
                guard code == 0 else { break }
                threads.append(thread)
            }
            for _ in threads { end.signal() }
            for thread in threads { pthread_join(thread, nil) }
            guard code == 0 else {
                throw .unavailable(
                    "the system starts only \(threads.count) threads for this process, which needs up to \(needed) "
                        + "(\(String(cString: strerror(code)))). Raise the limit on processes (`ulimit -u`, `TasksMax=`, "
                        + "a container's limit of pids).")
            }
        #endif
    }
}
