// Rollcall · Redis

/// A condition that keeps a Redis from being used in full, as operators see it.
package struct RedisTrouble: Hashable, Sendable {
    /// The raw value is a label of the metric `rollcall_redis_trouble`.
    package enum Kind: String, CaseIterable, Sendable {
        case unreachable
        case password
        case protected
        case tls
        case notRedis = "not_redis"
        case unsuitable
        case database
        case clients
        case rights
        case readOnly = "read_only"
        case full
        case persistence
        case replicas
    }

    package let kind: Kind
    package let detail: String

    package init(_ kind: Kind, _ detail: String) {
        self.kind = kind
        self.detail = detail
    }

    package init(_ error: RedisError) {
        self.init(Kind(error.code), error.description)
    }

    /// Whether only an operator can end it.
    package var isPermanent: Bool {
        switch kind {
        case .password, .protected, .tls, .notRedis, .unsuitable, .database, .rights: true
        case .unreachable, .clients, .readOnly, .full, .persistence, .replicas: false
        }
    }

    /// Whether Redis answers and refuses only writes.
    package var isRefusalOfWrites: Bool {
        switch kind {
        case .readOnly, .full, .persistence, .replicas: true
        default: false
        }
    }
}

extension RedisTrouble: CustomStringConvertible {
    package var description: String {
        isPermanent ? detail + "; this does not pass by itself" : detail
    }
}

extension RedisTrouble.Kind {
    init(_ code: RedisError.Code) {
        self =
            switch code {
            case .wrongPassword, .noAuth: .password
            case .denied: .protected
            case .tls: .tls
            case .notRedis: .notRedis
            case .unsuitableServer, .invalidSettings, .moved, .ask, .crossSlot: .unsuitable
            case .noDatabase: .database
            case .tooManyClients: .clients
            case .noPermission: .rights
            case .readOnly: .readOnly
            case .outOfMemory: .full
            case .cannotPersist: .persistence
            case .noReplicas: .replicas
            case .loading, .busy, .busyKey, .tryAgain, .clusterDown, .masterDown, .noScript, .transactionAborted,
                .wrongType, .other, .disconnected, .timeout, .protocolViolation, .unavailable:
                .unreachable
            }
    }
}
