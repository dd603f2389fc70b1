// Rollcall · EnrichmentTests

import Presence
import Testing

@testable import Enrichment

@Suite("Halving a batch that fails because of data")
struct BatchHalvingTests {
    /// Plays a plan against a database on which these keys raise; gives the keys that were answered.
    func play(_ halving: inout BatchHalving, raising: Set<Key>) -> (answered: [Key], queries: Int) {
        var (answered, queries): ([Key], Int) = ([], 1)
        while let piece = halving.next() {
            queries += 1
            if raising.isDisjoint(with: piece) {
                answered += piece
                halving.succeeded()
            } else {
                halving.failed()
            }
        }
        return (answered, queries)
    }

    @Test("One key at fault among few is found, and all others are answered", arguments: 0..<20)
    func one(_ place: Int) {
        let batch = keys(0..<20)
        var halving = BatchHalving(batch)
        let (answered, queries) = play(&halving, raising: [batch[place]])
        #expect(halving.poisonous == [batch[place]] && halving.abandoned.isEmpty)
        #expect(Set(answered) == Set(batch).subtracting([batch[place]]))
        #expect(queries <= BatchHalving.maximumQueries)
    }

    @Test("A single key that fails is at fault without being asked again")
    func single() {
        var halving = BatchHalving(keys("a"))
        let (answered, queries) = play(&halving, raising: [key("a")])
        #expect(answered.isEmpty && queries == 1 && halving.poisonous == keys("a"))
    }

    @Test("No batch costs more than sixteen queries; what is not known then is a few keys or said to be abandoned")
    func bound() {
        let batch = keys(0..<500)
        for place in stride(from: 0, to: 500, by: 7) {
            var halving = BatchHalving(batch)
            let (answered, queries) = play(&halving, raising: [batch[place]])
            #expect(queries <= BatchHalving.maximumQueries)
            #expect(answered.count + halving.poisonous.count + halving.abandoned.count == 500)
            #expect(halving.abandoned.count < 8)
        }
        var hopeless = BatchHalving(batch)
        let (answered, queries) = play(&hopeless, raising: Set(batch))
        #expect(answered.isEmpty && queries == 16 && hopeless.abandoned.count + hopeless.poisonous.count == 500)
    }

    @Test("Every key is answered, at fault or abandoned, whichever raise")
    func complete() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            let batch = keys(0..<Int.random(in: 1...60, using: &random))
            let raising = Set(batch.filter { _ in Int.random(in: 0..<10, using: &random) == 0 } + [batch[0]])
            var halving = BatchHalving(batch)
            let (answered, _) = play(&halving, raising: raising)
            #expect(Set(answered).isDisjoint(with: raising))
            #expect(Set(halving.poisonous).isSubset(of: raising))
            #expect((answered + halving.poisonous + halving.abandoned).sorted() == batch.sorted())
        }
    }
}
