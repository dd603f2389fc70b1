// Rollcall · PresenceFeedTests

import NIOCore
import PresenceModel
import PresenceFeed
import Testing

@Suite("Data that must be sent again")
struct DataChangesTests {
    private let alice = Fixture.member("alice").key
    private let bob = Fixture.member("bob").key

    private func lacking(_ keys: Key...) -> EnrichmentFields {
        var fields = EnrichmentFields()
        for key in keys { fields.set([], isComplete: false, for: key) }
        return fields
    }

    @Test func `One fetch is under way at a time, and keys that are wanted meanwhile are in the next one`() {
        var changes = DataChanges()
        changes.want([alice])
        #expect(changes.beginFetch() == [alice])
        changes.want([bob])
        #expect(changes.beginFetch() == nil)
        changes.endFetch([alice], .none)
        #expect(changes.beginFetch() == [bob])
        #expect(changes.takeReady() == [alice])
        #expect(changes.takeReady().isEmpty)
    }

    @Test func `Data that could not be fetched is not sent until it is wanted again`() {
        var changes = DataChanges()
        changes.want([alice, bob])
        _ = changes.beginFetch()
        changes.endFetch([alice, bob], lacking(alice))
        #expect(changes.takeReady() == [bob])
        changes.want([alice])
        #expect(changes.beginFetch() == [alice])
        changes.endFetch([alice], .none)
        #expect(changes.takeReady() == [alice])
    }
}
