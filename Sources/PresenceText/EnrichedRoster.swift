// Rollcall · PresenceText

package import PresenceModel

/// A topic at a cursor, with what the fetch hook adds to the keys that are about to be sent.
package struct EnrichedRoster: Sendable {
    package let topic: Topic
    package let cursor: Cursor
    package let counts: RosterCounts
    /// Empty where only a diff is encoded.
    package let roster: Roster
    package let fields: EnrichmentFields

    package init(
        topic: Topic, cursor: Cursor, roster: Roster, counts: RosterCounts? = nil, fields: EnrichmentFields = .none
    ) {
        self.topic = topic
        self.cursor = cursor
        self.roster = roster
        self.counts = counts ?? RosterCounts(roster)
        self.fields = fields
    }
}

/// How many keys and presences a roster has.
package struct RosterCounts: Sendable {
    package let keys: Int
    package let presences: Int

    package init(_ roster: Roster) {
        keys = roster.keyCount
        presences = roster.presenceCount
    }
}
