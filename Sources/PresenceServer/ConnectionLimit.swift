// Rollcall · PresenceServer

import HummingbirdCore
import NIOCore
import Synchronization

/// How many connections a node has at most: those of its HTTP server, and the streams that have left it.
///
/// At the bound the node stops accepting until one closes; further ones wait in the kernel's backlog.
package final class ConnectionLimit: AvailableConnectionsDelegate {
    private let maximum: Int
    private let open = Atomic(0)
    /// What accepts: a stream's end has to wake it, since the server does not know of streams.
    private let listener = Mutex<(any Channel)?>(nil)

    package init(maximum: Int) { self.maximum = maximum }

    package func connectionOpened() { open.add(1, ordering: .relaxed) }

    package func connectionClosed() {
        guard open.subtract(1, ordering: .relaxed).oldValue >= maximum else { return }
        guard let listener = listener.withLock({ $0 }) else { return }
        listener.eventLoop.execute { listener.read() }
    }

    package func isAcceptingNewConnections() -> Bool { open.load(ordering: .relaxed) < maximum }

    /// Is told what accepts, which may have stopped already.
    func listen(_ channel: any Channel) {
        listener.withLock { $0 = channel }
        channel.read()
    }
}
