// Rollcall · PresenceFeed

package import Presence

/// A topic's roster at a cursor, with what the fetch hook adds to the keys that are about to be told.
package struct EnrichedRoster: Sendable {
    package let topic: Topic
    package let cursor: Cursor
    package let roster: Roster
    package let extras: EnrichmentFields

    package init(topic: Topic, cursor: Cursor, roster: Roster, extras: EnrichmentFields = .none) {
        self.topic = topic
        self.cursor = cursor
        self.roster = roster
        self.extras = extras
    }
}
