// Rollcall · PresenceServer

import Access
import NIOCore
import Synchronization

/// What a connection may be used for.
enum ConnectionPlace: Sendable {
    case regular
    /// For probes only: the node has as many connections as it may.
    case beyondNode
    /// For probes only: its address has as many connections as it may.
    case beyondAddress(ReachedLimit)

    var isRegular: Bool { if case .regular = self { true } else { false } }
}

/// Gives each connection of a node its place, as ``PlaceBook`` decides.
///
/// Used on every thread.
final class ConnectionPlaces: Sendable {
    private struct State {
        var book: PlaceBook
        /// The connections beyond a limit.
        var beyond: [Int: any Channel] = [:]
        var nextID = 0
    }

    private let maximumOfAddress: Int
    private let limits: LimitOptions
    private let state: Mutex<State>

    /// Connections beyond a limit at most, for a limit of the node.
    static func reserve(for maximum: Int) -> Int { max(1, min(16, maximum / 8)) }

    /// - Parameters:
    ///   - maximum: Connections at most; nil for no limit.
    ///   - limits: The limit of one address. No address that counts has more than half of all, also without it.
    init(maximum: Int?, limits: LimitOptions) {
        let half = maximum.map { max(1, $0 / 2) } ?? .max
        let maximumOfAddress = min(limits.address.stocks[.connections] ?? .max, half)
        let maximum = maximum ?? .max
        self.maximumOfAddress = maximumOfAddress
        self.limits = limits
        state = Mutex(
            State(
                book: PlaceBook(
                    maximum: maximum, maximumOfAddress: maximumOfAddress, reserve: Self.reserve(for: maximum))))
    }

    /// Gives a new connection its place until it closes.
    func open(_ channel: any Channel) -> ConnectionPlace {
        let address = countedAddress(of: channel)
        let (id, place, closing) = state.withLock { state in
            let id = state.nextID
            state.nextID += 1
            let entry = state.book.open(id, from: address)
            if entry.place != .regular { state.beyond[id] = channel }
            return (id, entry.place, entry.closing.flatMap { state.beyond.removeValue(forKey: $0) })
        }
        closing?.close(promise: nil)
        channel.closeFuture.whenComplete { _ in
            self.state.withLock { state in
                state.book.close(id, at: place, from: address)
                state.beyond[id] = nil
            }
        }
        switch place {
        case .regular: return .regular
        case .beyondNode: return .beyondNode
        case .beyondAddress:
            return .beyondAddress(
                ReachedLimit(
                    name: CallerKind.address.name(of: .connections), maximum: maximumOfAddress,
                    caller: address?.description ?? ""))
        }
    }

    /// The address at the other end of a connection, which may be that of a proxy with many clients; then it is nil.
    private func countedAddress(of channel: any Channel) -> ClientAddress? {
        let peer = ClientAddress(channel.remoteAddress)
        return peer.map { limits.proxies.trusts($0) } == true ? nil : limits.counted(peer)
    }
}
