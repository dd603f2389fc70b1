// Rollcall · PresenceStore

import Redis

/// The reason why an operation of the store failed.
///
/// After `unavailable` the operation may have been executed. A retry does no harm, but may have another result: a
/// create meets its own presence, an untrack finds none.
package struct StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable {
        /// Redis is away, loading or did not answer in time; a retry may succeed.
        case unavailable
        /// Redis answers and refuses: it is read-only, has too few replicas, or a right is missing. The pool logs it.
        case refused
        /// Redis is full: it adds no presence until memory is freed, and still renews leases.
        case outOfMemory
        /// A patch met another meta at every attempt; a retry may succeed.
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
    /// The only table from errors of Redis to codes of the store.
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
