// Rollcall · PresenceModel

/// The sessions of a key with more than one, and their presences, in the order in which they were tracked.
struct SessionTable: Sendable {
    /// In track order; once there is an index, a removed session leaves a gap, until gaps are the majority.
    private var slots: [Entry.Element?] = []
    /// The index of each session in `slots`; empty for few sessions, where a linear search is faster.
    private var positions: [Session: Int] = [:]
    private(set) var count = 0

    private static let maximumUnindexed = 16

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

    /// Sets the presence of a session, in its place or at the end; returns the old one.
    mutating func set(_ presence: Presence, for session: Session) -> Presence? {
        if let position = position(of: session) {
            defer { slots[position] = (session, presence) }
            return slots[position]?.presence
        }
        slots.append((session, presence))
        count += 1
        if !positions.isEmpty {
            positions[session] = slots.count - 1
        } else if count > Self.maximumUnindexed {
            rebuildIndex()
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
            if count < slots.count / 2 { rebuildIndex() }
        }
        return old
    }

    private func position(of session: Session) -> Int? {
        positions.isEmpty ? slots.firstIndex { $0?.session == session } : positions[session]
    }

    /// Removes the gaps and builds the index again; leaves it empty for few sessions.
    private mutating func rebuildIndex() {
        slots.removeAll { $0 == nil }
        positions.removeAll()
        guard count > Self.maximumUnindexed else { return }
        for case let (position, (session, _)?) in slots.enumerated() { positions[session] = position }
    }
}
