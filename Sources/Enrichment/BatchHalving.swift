// Rollcall · Enrichment

import DequeModule
import Presence

/// Finds the keys whose data makes a query fail, so that they do not take the others' data: a pure plan of what to ask.
///
/// The batch has failed as a whole. It is halved, and each half that fails is halved again, the largest first. Where the
/// first half of a failed piece is answered the second must be at fault, and is halved without being asked.
struct BatchHalving: Sendable {
    /// Queries that a batch may cost, the one that failed included.
    static let maximumQueries = 16

    private enum Step {
        case next
        /// The first half has been given out; the second waits for how it fares.
        case first(ArraySlice<Key>, second: ArraySlice<Key>)
        case second(ArraySlice<Key>)
    }

    /// Pieces that are known to fail.
    private var failing: Deque<ArraySlice<Key>>
    private var step = Step.next
    private var queries = 1
    /// Keys that fail alone.
    private(set) var poisonous: [Key] = []
    /// Keys that nothing is known of, since the bound on queries was hit.
    private(set) var abandoned: [Key] = []

    init(_ batch: [Key]) {
        failing = [batch[...]]
    }

    /// Gives the piece to ask for now; nil when all is known that will be.
    mutating func next() -> [Key]? {
        if case .second(let piece) = step { return ask(piece) }
        while let piece = failing.popFirst() {
            guard piece.count > 1 else {
                poisonous += piece
                continue
            }
            let middle = piece.startIndex + piece.count / 2
            guard queries < Self.maximumQueries else {
                abandoned += piece
                continue
            }
            step = .first(piece[..<middle], second: piece[middle...])
            return ask(piece[..<middle])
        }
        return nil
    }

    /// The piece that was given out last was answered.
    mutating func succeeded() {
        if case .first(_, let second) = step { failing.append(second) }
        step = .next
    }

    /// The piece that was given out last failed because of data.
    mutating func failed() {
        switch step {
        case .first(let first, let second):
            failing.append(first)
            step = .second(second)
        case .second(let piece):
            failing.append(piece)
            step = .next
        case .next: break
        }
    }

    private mutating func ask(_ piece: ArraySlice<Key>) -> [Key]? {
        guard queries < Self.maximumQueries else {
            abandoned += piece
            step = .next
            return next()
        }
        queries += 1
        return Array(piece)
    }
}
