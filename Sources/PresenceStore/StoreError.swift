// Rollcall · PresenceStore

import Redis

/// Why the store could not do an operation.
///
/// Whether it happened is not known after `unavailable`. Repeating it does no harm, though the answer may be another: a
/// create finds its own presence, an untrack finds none.
package struct StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable {
        /// Redis is away, loading or did not answer in time; worth trying again.
        case unavailable
        /// Redis answers and does not let us: read-only, not enough replicas, a right that is missing. The pool logs it.
        case refused
        /// Redis is full: nobody can be added until memory is freed, but leases are still renewed.
        case outOfMemory
        /// A patch met another meta at every attempt; worth trying again.
        case conflictedTooOften
        /// Redis holds or answers something that Rollcall did not write.
        case corrupt
        /// Redis belongs to a deployment with other constants.
        case misconfigured
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Whether the same operation may succeed soon.
    package var isTransient: Bool {
        switch code {
        case .unavailable, .refused, .outOfMemory, .conflictedTooOften: true
        case .corrupt, .misconfigured: false
        }
    }

    package var description: String { "\(code.rawValue): \(message)" }
}

extension StoreError {
    /// The one table of what Redis' errors mean to callers of the store.
    init(_ error: RedisError) {
        let code: Code =
            switch error.code {
            case .outOfMemory: .outOfMemory
            case .loading, .busy, .tryAgain, .clusterDown, .masterDown, .disconnected, .timeout, .protocolViolation,
                .unavailable, .tooManyClients:
                .unavailable
            case .readOnly, .cannotPersist, .noReplicas, .noAuth, .wrongPassword, .noPermission, .moved, .ask,
                .crossSlot, .denied, .tls, .notRedis, .unsuitableServer, .noDatabase, .invalidSettings:
                .refused
            case .busyKey, .noScript, .transactionAborted, .wrongType, .other: .corrupt
            }
        self.init(code, error.description)
    }
}
