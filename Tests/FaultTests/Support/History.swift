// Rollcall · FaultTests

import TestSupport
import Testing

/// What streams told, held against each other.
enum History {
    /// Wherever an id was told, it stood for the same roster: nobody was told a history that did not happen.
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
