// Rollcall · Presence

/// The sessions of a key that has several, with their presences, in the order in which they were tracked.
struct SessionTable: Sendable {
    /// In track order; once there is an index, removed ones leave gaps until gaps are the most.
    private var slots: [Entry.Element?] = []
    /// Where each session stands; empty as long as so few are there that a walk is quicker.
    private var positions: [Session: Int] = [:]
    private(set) var count = 0

    private static let fewest = 16

    init(_ first: Entry.Element, _ second: Entry.Element) {
        slots = [first, second]
        count = 2
    }

    func forEach<Failure: Error>(_ body: (Session, Presence) throws(Failure) -> Void) throws(Failure) {
        for case let (session, presence)? in slots { try body(session, presence) }
    }

    subscript(session: Session) -> Presence? {
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
