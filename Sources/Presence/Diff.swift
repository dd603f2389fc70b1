// Rollcall · Presence

/// The changes that lead from one state of a topic to a later one, at most one for each member.
package struct Diff: Hashable, Sendable {
    package var changes: [Change]

    package init(_ changes: [Change] = []) {
        self.changes = changes
    }

    package var isEmpty: Bool { changes.isEmpty }
}
