// Rollcall · Presence

/// The presences of one key, in the order in which their sessions were tracked.
package struct Entry: Sendable {
    package typealias Element = (session: Session, presence: Presence)

    /// In track order; once there is an index, removed ones leave gaps until gaps are the most.
    private var slots: [Element?] = []
    /// Where each session stands; empty as long as so few are there that a walk is quicker.
    private var positions: [Session: Int] = [:]
    package private(set) var count = 0

    private static let fewest = 16

    package init() {}

    package var isEmpty: Bool { count == 0 }

    /// The sessions with their presences, in track order.
    package var sessions: [Element] { slots.compactMap(\.self) }

    package func forEach<Failure: Error>(_ body: (Session, Presence) throws(Failure) -> Void) throws(Failure) {
        for case let (session, presence)? in slots { try body(session, presence) }
    }

    package subscript(session: Session) -> Presence? {
        position(of: session).flatMap { slots[$0]?.presence }
    }

    /// Puts a presence in its session's place, or last; returns what stood there.
    mutating func set(_ presence: Presence, for session: Session) -> Presence? {
        if let position = position(of: session) {
            defer { slots[position] = (session, presence) }
            return slots[position]?.presence
        }
        slots.append((session, presence))
        count += 1
        if !positions.isEmpty {
            positions[session] = slots.count - 1
        } else if count > Self.fewest {
            index()
        }
        return nil
    }

    mutating func remove(_ session: Session) -> Presence? {
        guard let position = position(of: session) else { return nil }
        let old = slots[position]?.presence
        count -= 1
        if positions.isEmpty {
            slots.remove(at: position)
        } else {
            slots[position] = nil
            positions[session] = nil
            if count < slots.count / 2 { index() }
        }
        return old
    }

    private func position(of session: Session) -> Int? {
        positions.isEmpty ? slots.firstIndex { $0?.session == session } : positions[session]
    }

    /// Closes the gaps and numbers the sessions anew, or stops numbering where they have become few.
    private mutating func index() {
        slots.removeAll { $0 == nil }
        positions.removeAll()
        guard count > Self.fewest else { return }
        for case let (position, (session, _)?) in slots.enumerated() { positions[session] = position }
    }
}

extension Entry: Equatable {
    /// The same sessions with the same presences, in whatever order.
    package static func == (left: Entry, right: Entry) -> Bool {
        left.count == right.count && left.sessions.allSatisfy { right[$0.session] == $0.presence }
    }
}
