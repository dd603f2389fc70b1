// Rollcall · PresenceServer

/// Keeps work on many presences off the event loops.
enum LargeWork {
    /// Presences up to which a list is made where its request runs: half a millisecond or less.
    static let most = 500

    /// Does work that takes as long as there are presences: what is large, on the shared pool.
    ///
    /// A request runs on its connection's event loop, and everybody else whom that loop serves waits for it meanwhile. A
    /// small list, on the other hand, would spend more on the two changes of thread than on itself.
    static func perform<Value: Sendable, Failure: Error>(
        on presences: Int, _ work: () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        guard presences > most else { return try await work() }
        return try await withTaskExecutorPreference(globalConcurrentExecutor, operation: work)
    }
}
