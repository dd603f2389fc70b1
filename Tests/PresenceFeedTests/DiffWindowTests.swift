// Rollcall · PresenceFeedTests

import NIOCore
import PresenceModel
import PresenceFeed
import Testing

@Suite("The coalescing window")
struct DiffWindowTests {
    let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    let alice = Fixture.member("alice")

    private func join(_ presence: Presence) -> Change? { Change(member: alice, before: nil, after: presence) }

    @Test func `The first change is sent at once`() throws {
        var window = DiffWindow(base: .milliseconds(10))
        window.add(Fixture.step(1, 2, join(Fixture.presence())))
        #expect(window.decision(at: start) == .flush)
        let flushed = window.takeBatch(at: start)
        let batch = try #require(flushed)
        #expect(batch.from == Fixture.at(1) && batch.to == Fixture.at(2) && batch.diff.changes.count == 1)
    }

    @Test func `Later changes within the window are sent together at its end`() throws {
        var window = DiffWindow(base: .milliseconds(10))
        window.add(Fixture.step(1, 2, join(Fixture.presence())))
        _ = window.takeBatch(at: start)
        #expect(window.decision(at: start) == .busy)
        window.endFlush(at: start + .microseconds(50))

        window.add(Fixture.step(2, 3, Change(member: Fixture.member("bob"), before: nil, after: Fixture.presence())))
        window.add(Fixture.step(3, 4, Change(member: Fixture.member("eve"), before: nil, after: Fixture.presence())))
        let end = start + .milliseconds(10)
        #expect(window.decision(at: start + .milliseconds(3)) == .wait(until: end))
        #expect(window.decision(at: end) == .flush)
        let flushed = window.takeBatch(at: end)
        let batch = try #require(flushed)
        #expect(batch.from == Fixture.at(2) && batch.to == Fixture.at(4) && batch.diff.changes.count == 2)
    }

    @Test func `The window grows with the cost of a flush, up to a second`() {
        var window = DiffWindow(base: .milliseconds(10))
        window.add(Fixture.step(1, 2, join(Fixture.presence())))
        _ = window.takeBatch(at: start)
        window.endFlush(at: start + .milliseconds(40))
        #expect(window.decision(at: start + .milliseconds(50)) == .wait(until: start + .milliseconds(80)))

        window.add(Fixture.step(2, 3, join(Fixture.presence())))
        _ = window.takeBatch(at: start + .seconds(1))
        window.endFlush(at: start + .seconds(8))
        #expect(window.decision(at: start + .seconds(8)) == .flush)
    }

    @Test func `A join and a leave cancel, and the cursor still moves`() throws {
        let presence = Fixture.presence()
        var window = DiffWindow(base: .zero)
        window.add(Fixture.step(1, 2, join(presence)))
        window.add(Fixture.step(2, 3, Change(member: alice, before: presence, after: nil, reason: .untracked)))
        let flushed = window.takeBatch(at: start)
        let batch = try #require(flushed)
        #expect(batch.diff.isEmpty && batch.to == Fixture.at(3))
    }

    @Test func `After a pair that cancelled, a later change of the member counts alone`() throws {
        let first = Fixture.presence(), second = Fixture.presence()
        var window = DiffWindow(base: .zero)
        window.add(Fixture.step(1, 2, join(first)))
        window.add(Fixture.step(2, 3, Change(member: alice, before: first, after: nil, reason: .closed)))
        window.add(Fixture.step(3, 4, join(second)))
        let flushed = window.takeBatch(at: start)
        let change = try #require(flushed?.diff.changes.first)
        #expect(change.before == nil && change.after == second && change.reason == nil)
    }

    @Test func `A chain of updates becomes one from the first to the last`() throws {
        let versions = (0..<4).map { _ in Fixture.presence() }
        var window = DiffWindow(base: .zero)
        for index in 1..<4 {
            window.add(
                Fixture.step(
                    index, index + 1, Change(member: alice, before: versions[index - 1], after: versions[index])))
        }
        let flushed = window.takeBatch(at: start)
        let change = try #require(flushed?.diff.changes.first)
        #expect(change.before == versions[0] && change.after == versions[3] && change.isUpdate)
    }

    @Test func `A presence that is lost and comes back in one window does not leave`() throws {
        let presence = Fixture.presence()
        var window = DiffWindow(base: .milliseconds(10))
        window.add(Fixture.step(1, 2, Change(member: alice, before: presence, after: nil, reason: .lost)))
        window.add(Fixture.step(2, 3, join(presence)))
        let flushed = window.takeBatch(at: start + .seconds(3))
        let batch = try #require(flushed)
        #expect(batch.diff.isEmpty)
    }

    @Test func `Without changes no flush begins`() {
        var window = DiffWindow(base: .milliseconds(10))
        let flushed = window.takeBatch(at: start)?.to
        #expect(flushed == nil)
        #expect(window.decision(at: start) == .flush)
    }
}
