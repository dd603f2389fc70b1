// Rollcall · PresenceServer

import Synchronization

/// The long-poll sessions of a node, by their names.
package final class LongPollTable: Sendable {
    private struct Entry {
        let socket: ClientSocket
        let owner: String
    }

    /// Sessions of one node; more are refused.
    static let maximumSessions = 50_000

    private let entries = Mutex<[String: Entry]>([:])

    package init() {}

    /// Keeps a session; false if there are as many as there may be.
    func add(_ socket: ClientSocket, as name: String, of owner: String) -> Bool {
        entries.withLock { entries in
            guard entries.count < Self.maximumSessions else { return false }
            entries[name] = Entry(socket: socket, owner: owner)
            return true
        }
    }

    func remove(_ name: String) { entries.withLock { $0[name] = nil } }

    /// The session with a name, if it belongs to this owner.
    func find(_ name: String, of owner: String) -> ClientSocket? {
        entries.withLock { entries in
            entries[name].flatMap { $0.owner == owner ? $0.socket : nil }
        }
    }
}
