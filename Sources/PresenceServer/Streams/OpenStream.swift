// Rollcall · PresenceServer

import Access
import NIOCore
import PhoenixSocket

/// A stream of events or a socket that is open on an event loop.
///
/// All methods but ``settled()`` are called on that loop.
enum OpenStream: Hashable, Sendable {
    case events(EventStream)
    case socket(ClientSocket)

    var id: ObjectIdentifier {
        switch self {
        case .events(let stream): ObjectIdentifier(stream)
        case .socket(let socket): ObjectIdentifier(socket)
        }
    }

    var loop: any EventLoop {
        switch self {
        case .events(let stream): stream.loop
        case .socket(let socket): socket.loop
        }
    }

    static func == (one: OpenStream, other: OpenStream) -> Bool { one.id == other.id }

    func hash(into hasher: inout Hasher) { hasher.combine(id) }

    // MARK: Its connection

    func writable() {
        switch self {
        case .events(let stream): stream.assumeIsolated { $0.writable() }
        case .socket(let socket): socket.assumeIsolated { $0.writable() }
        }
    }

    func unwritable() {
        switch self {
        case .events(let stream): stream.assumeIsolated { $0.unwritable() }
        case .socket(let socket): socket.assumeIsolated { $0.unwritable() }
        }
    }

    /// The connection is closed, or the client has closed its direction.
    ///
    /// - Parameter isUnread: Whether the kernel dropped the client, because it acknowledged nothing for too long.
    func connectionEnded(isUnread: Bool) {
        switch self {
        case .events(let stream): stream.assumeIsolated { $0.end(isUnread ? .unread : .clientGone) }
        case .socket(let socket): socket.assumeIsolated { $0.connectionEnded(isUnread: isUnread) }
        }
    }

    /// Completes when the socket is closed.
    var closed: EventLoopFuture<Void>? {
        switch self {
        case .events(let stream): stream.assumeIsolated { $0.closed }
        case .socket(let socket): socket.assumeIsolated { $0.closed }
        }
    }

    // MARK: The node

    func ping() {
        switch self {
        case .events(let stream): stream.assumeIsolated { $0.ping() }
        // A socket has pings of its own.
        case .socket: break
        }
    }

    /// Ends it, because the node stops.
    func drain() {
        switch self {
        case .events(let stream): stream.assumeIsolated { $0.end(.draining) }
        case .socket(let socket): socket.assumeIsolated { $0.handle(.ended(.draining)) }
        }
    }

    /// Ends it, because the node has no room for the bytes that wait for its client.
    func endForSlowness() {
        switch self {
        case .events(let stream): stream.assumeIsolated { $0.end(.slow) }
        case .socket(let socket): socket.assumeIsolated { $0.handle(.ended(.slow)) }
        }
    }

    /// Returns when no presence of it is being tracked any more.
    func settled() async {
        switch self {
        case .events(let stream): _ = await stream.tracking?.value
        case .socket(let socket): await socket.settled()
        }
    }

    // MARK: Its own time

    /// Takes the step of a socket that is due.
    ///
    /// - Returns: The time of the next step; nil if there is none.
    func passDeadline(at now: NIODeadline) -> NIODeadline? {
        switch self {
        case .events: nil
        case .socket(let socket): socket.assumeIsolated { $0.passDeadline(at: now) }
        }
    }

    // MARK: Its credential

    /// Ends it if the key behind its credential is retired.
    func endUnlessHeld(by credentials: Credentials) {
        switch self {
        case .events(let stream): stream.assumeIsolated { $0.endUnlessHeld(by: credentials) }
        case .socket(let socket): socket.assumeIsolated { $0.endUnlessHeld(by: credentials) }
        }
    }

    /// Ends it, or what it has of a topic, if revocations refuse its credential or its user.
    ///
    /// - Parameter now: Seconds since 1970.
    func end(refusedBy revocations: Revocations, at now: Double) {
        switch self {
        case .events(let stream): stream.assumeIsolated { $0.end(refusedBy: revocations, at: now) }
        case .socket(let socket): socket.assumeIsolated { $0.end(refusedBy: revocations, at: now) }
        }
    }

    /// The time, in seconds since 1970, at which ``passCredentialTime()`` must be called; nil if never.
    var nextCredentialTime: Double? {
        switch self {
        case .events(let stream): stream.assumeIsolated { $0.nextCredentialTime }
        case .socket(let socket): socket.assumeIsolated { $0.nextCredentialTime }
        }
    }

    func passCredentialTime() {
        switch self {
        case .events(let stream): stream.assumeIsolated { $0.passCredentialTime() }
        case .socket(let socket): socket.assumeIsolated { $0.passCredentialTime() }
        }
    }
}
