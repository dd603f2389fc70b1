// Rollcall · FaultTests

import TestSupport
import Testing

/// Compares the histories of several streams.
enum History {
    /// Expects that an id stands for the same roster in all streams: no stream has a history that did not happen.
    static func expectOne(
        among watchers: [Watcher], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        var known: [String: (roster: [ExactName: Set<JSONValue>], by: String)] = [:]
        for watcher in watchers {
            var fold = FoldedPresence()
            for event in watcher.events() {
                try fold.receive(event)
                guard let id = event.id else { continue }
                let roster = fold.roster.mapValues(Roster.unlinked)
                if let other = known[id] {
                    #expect(
                        other.roster == roster, "\(id) at \(watcher.name), and before at \(other.by)",
                        sourceLocation: sourceLocation)
                }
                known[id] = (roster, watcher.name)
            }
        }
        #expect(!known.isEmpty, sourceLocation: sourceLocation)
    }
}
