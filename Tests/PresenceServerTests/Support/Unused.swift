// Rollcall · PresenceServerTests

import Access
import Hummingbird
import Logging
import NIOPosix
import PresenceServer
import PresenceStore
import Redis

extension PresenceBackend {
    /// A backend for tests without requests; its pool does not run.
    static var unused: PresenceBackend {
        get throws {
            let pool = RedisPool(
                url: try RedisURL("redis://127.0.0.1:1"), options: RedisOptions(),
                eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "unused"))
            return PresenceBackend(store: PresenceStore(pool: pool))
        }
    }
}

extension RevocationKeeper {
    /// A keeper for tests without requests.
    static var unused: RevocationKeeper {
        get throws {
            RevocationKeeper(
                store: try PresenceBackend.unused.store, credentials: .open, logger: Logger(label: "unused"))
        }
    }
}

extension StreamHandlers {
    static var unused: StreamHandlers {
        StreamHandlers(
            topicEvents: { _, _ in throw Problem(.internalError, "unused") },
            manyTopicEvents: { _, _ in throw Problem(.internalError, "unused") },
            ticketEvents: { _, _ in throw Problem(.internalError, "unused") })
    }
}

extension SocketHandlers {
    /// Handlers that find no handshake in any request.
    static var unused: SocketHandlers {
        SocketHandlers(
            open: { _, _ in throw Problem(.upgradeRequired, "unused") },
            poll: { _, _ in .json(Array(#"{"status":403}"#.utf8)) },
            send: { _, _ in .json(Array(#"{"status":410}"#.utf8)) })
    }
}
