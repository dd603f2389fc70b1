// Rollcall · PresenceFeedTests

import NIOCore
import Presence
import PresenceFeed
import Testing

@Suite("Data that has to be told anew")
struct RenewalsTests {
    private let alice = Fixture.member("alice").key
    private let bob = Fixture.member("bob").key

    private func lacking(_ keys: Key...) -> Extras {
        var extras = Extras()
        for key in keys { extras.set([], isComplete: false, for: key) }
        return extras
    }

    @Test("One fetch is under way at a time, and what is wanted meanwhile comes with the next")
    func oneAtATime() {
        var renewals = Renewals()
        renewals.isWanted = true
        renewals.want([alice])
        #expect(renewals.beginFetch() == [alice])
        renewals.want([bob])
        #expect(renewals.beginFetch() == nil)
        renewals.endFetch([alice], .none)
        #expect(renewals.beginFetch() == [bob])
        #expect(renewals.takeReady() == [alice])
        #expect(renewals.takeReady().isEmpty)
    }

    @Test("What could not be had is asked for again while it is present, and then told")
    func bare() {
        var renewals = Renewals()
        renewals.isWanted = true
        renewals.told([alice, bob], lacking(alice, bob))
        #expect(renewals.hasBare)
        renewals.wantBare(in: Roster([(member: Fixture.member("alice"), presence: Fixture.presence())]))
        #expect(renewals.beginFetch() == [alice])
        renewals.endFetch([alice], lacking(alice))
        #expect(renewals.takeReady().isEmpty && renewals.hasBare)
        renewals.want([alice])
        _ = renewals.beginFetch()
        renewals.endFetch([alice], .none)
        #expect(renewals.takeReady() == [alice] && !renewals.hasBare)
    }

    @Test("A key told with its data by a diff is no longer asked for")
    func toldMeanwhile() {
        var renewals = Renewals()
        renewals.told([alice], lacking(alice))
        renewals.told([alice], .none)
        #expect(!renewals.hasBare)
    }

    @Test("A topic that never told data wants no news of it")
    func unwanted() {
        var renewals = Renewals()
        renewals.want([alice])
        #expect(renewals.beginFetch() == nil)
    }
}
