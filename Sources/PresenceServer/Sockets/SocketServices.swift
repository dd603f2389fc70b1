// Rollcall · PresenceServer

import PhoenixSocket
import PresenceFeed
import PresenceModel
import PresenceStore

/// The parts of a node that its sockets use.
final class SocketServices: Sendable {
    let hub: FeedHub
    let store: PresenceStore
    let leases: LeaseKeeper
    let registry: StreamRegistry
    let limits: Limits
    /// Holds callers to their limits; nil has none.
    let callerLimits: RequestLimits?
    let options: StreamOptions
    let reading: SocketReading

    init(
        hub: FeedHub, store: PresenceStore, leases: LeaseKeeper, registry: StreamRegistry, limits: Limits,
        callerLimits: RequestLimits?, options: StreamOptions, reading: SocketReading
    ) {
        self.hub = hub
        self.store = store
        self.leases = leases
        self.registry = registry
        self.limits = limits
        self.callerLimits = callerLimits
        self.options = options
        self.reading = reading
    }
}

/// What runs for one channel that has joined.
struct SocketChannel {
    let request: JoinRequest
    let grant: SocketGrant
    /// Nil while the channel only observes.
    var presence: StreamPresence?
    /// Whether a change tracked the presence: the message about an earlier untrack may come after that.
    var isTrackedAgain = false
    /// The position of its track, which the first state must have reached.
    var cursor: Cursor?
    var subscription: Subscription?
    var isChanging = false
    /// How the presence is released when the change that runs has ended, because the channel has.
    var release: ChannelRelease?
}
