// Rollcall · PresenceModel

/// The presences of one key, in the order in which their sessions were tracked.
package struct Entry: Sendable {
    package typealias Element = (session: Session, presence: Presence)

    private enum Sessions: Sendable {
        case none
        /// Nearly every key has one session, and this case allocates no table.
        case one(Element)
        case several(SessionTable)
    }

    private var contents = Sessions.none

    package init() {}

    package var count: Int {
        switch contents {
        case .none: 0
        case .one: 1
        case .several(let table): table.count
        }
    }

    package var isEmpty: Bool { count == 0 }

    /// The sessions with their presences, in track order.
    package var sessions: [Element] {
        var sessions: [Element] = []
        sessions.reserveCapacity(count)
        forEach { sessions.append(($0, $1)) }
        return sessions
    }

    package func forEach<Failure: Error>(_ body: (Session, Presence) throws(Failure) -> Void) throws(Failure) {
        switch contents {
        case .none: break
        case .one(let only): try body(only.session, only.presence)
        case .several(let table): try table.forEach(body)
        }
    }

    package subscript(session: Session) -> Presence? {
        switch contents {
        case .none: nil
        case .one(let only): only.session == session ? only.presence : nil
        case .several(let table): table[session]
        }
    }

    /// Sets the presence of a session, in its place or at the end; returns the old one.
    mutating func set(_ presence: Presence, for session: Session) -> Presence? {
        switch contents {
        case .none:
            contents = .one((session, presence))
            return nil
        case .one(let only) where only.session == session:
            contents = .one((session, presence))
            return only.presence
        case .one(let only):
            contents = .several(SessionTable(only, (session, presence)))
            return nil
        case .several(var table):
            contents = .none  // Drops the second reference to the table, so that the change does not copy it.
            defer { contents = .several(table) }
            return table.set(presence, for: session)
        }
    }

    mutating func remove(_ session: Session) -> Presence? {
        switch contents {
        case .none:
            return nil
        case .one(let only):
            guard only.session == session else { return nil }
            contents = .none
            return only.presence
        case .several(var table):
            contents = .none  // As above.
            defer { contents = .several(table) }
            return table.remove(session)
        }
    }
}

extension Entry: Equatable {
    /// The same sessions with the same presences, in any order.
    package static func == (left: Entry, right: Entry) -> Bool {
        left.count == right.count && left.sessions.allSatisfy { right[$0.session] == $0.presence }
    }
}
