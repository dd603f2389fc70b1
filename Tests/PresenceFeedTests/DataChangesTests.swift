// Rollcall · PresenceFeedTests

import NIOCore
import Presence
import PresenceFeed
import Testing

@Suite("Data that must be sent again")
struct DataChangesTests {
    private let alice = Fixture.member("alice").key
    private let bob = Fixture.member("bob").key

    private func lacking(_ keys: Key...) -> EnrichmentFields {
        var extras = EnrichmentFields()
        for key in keys { extras.set([], isComplete: false, for: key) }
        return extras
    }

    @Test func `One fetch is under way at a time, and what is wanted meanwhile comes with the next`() {
        var renewals = DataChanges()
        renewals.want([alice])
        #expect(renewals.beginFetch() == [alice])
        renewals.want([bob])
        #expect(renewals.beginFetch() == nil)
        renewals.endFetch([alice], .none)
        #expect(renewals.beginFetch() == [bob])
        #expect(renewals.takeReady() == [alice])
        #expect(renewals.takeReady().isEmpty)
    }

    @Test func `Data that could not be fetched is not sent until it is wanted again`() {
        var renewals = DataChanges()
        renewals.want([alice, bob])
        _ = renewals.beginFetch()
        renewals.endFetch([alice, bob], lacking(alice))
        #expect(renewals.takeReady() == [bob])
        renewals.want([alice])
        #expect(renewals.beginFetch() == [alice])
        renewals.endFetch([alice], .none)
        #expect(renewals.takeReady() == [alice])
    }
}
