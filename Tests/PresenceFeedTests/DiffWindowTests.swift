// Rollcall · PresenceFeedTests

import NIOCore
import Presence
import PresenceFeed
import Testing

@Suite("The coalescing window")
struct DiffWindowTests {
    let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    let alice = Fixture.member("alice")

    private func join(_ presence: Presence) -> Change? { Change(member: alice, before: nil, after: presence) }

    @Test("The first change goes out at once")
    func leadingEdge() throws {
        var window = DiffWindow(base: .milliseconds(10))
        window.add(Fixture.step(1, 2, join(Fixture.presence())))
        #expect(window.decision(at: start) == .flush)
        let flushed = window.beginFlush(at: start)
        let batch = try #require(flushed)
        #expect(batch.from == Fixture.at(1) && batch.to == Fixture.at(2) && batch.diff.changes.count == 1)
    }

    @Test("What follows within the window goes out together at its end")
    func trailingEdge() throws {
        var window = DiffWindow(base: .milliseconds(10))
        window.add(Fixture.step(1, 2, join(Fixture.presence())))
        _ = window.beginFlush(at: start)
        #expect(window.decision(at: start) == .busy)
        window.endFlush(at: start + .microseconds(50))

        window.add(Fixture.step(2, 3, Change(member: Fixture.member("bob"), before: nil, after: Fixture.presence())))
        window.add(Fixture.step(3, 4, Change(member: Fixture.member("eve"), before: nil, after: Fixture.presence())))
        let end = start + .milliseconds(10)
        #expect(window.decision(at: start + .milliseconds(3)) == .wait(until: end))
        #expect(window.decision(at: end) == .flush)
        let flushed = window.beginFlush(at: end)
        let batch = try #require(flushed)
        #expect(batch.from == Fixture.at(2) && batch.to == Fixture.at(4) && batch.diff.changes.count == 2)
    }

    @Test("The window grows with the cost of a flush, up to a second")
    func growing() {
        var window = DiffWindow(base: .milliseconds(10))
        window.add(Fixture.step(1, 2, join(Fixture.presence())))
        _ = window.beginFlush(at: start)
        window.endFlush(at: start + .milliseconds(40))
        #expect(window.decision(at: start + .milliseconds(50)) == .wait(until: start + .milliseconds(80)))

        window.add(Fixture.step(2, 3, join(Fixture.presence())))
        _ = window.beginFlush(at: start + .seconds(1))
        window.endFlush(at: start + .seconds(8))
        #expect(window.decision(at: start + .seconds(8)) == .flush)
    }

    @Test("A join and a leave cancel, and the cursor still moves")
    func cancelling() throws {
        let presence = Fixture.presence()
        var window = DiffWindow(base: .zero)
        window.add(Fixture.step(1, 2, join(presence)))
        window.add(Fixture.step(2, 3, Change(member: alice, before: presence, after: nil, reason: .untracked)))
        let flushed = window.beginFlush(at: start)
        let batch = try #require(flushed)
        #expect(batch.diff.isEmpty && batch.to == Fixture.at(3))
    }

    @Test("After a pair that cancelled, a member starts anew")
    func rejoining() throws {
        let first = Fixture.presence(), second = Fixture.presence()
        var window = DiffWindow(base: .zero)
        window.add(Fixture.step(1, 2, join(first)))
        window.add(Fixture.step(2, 3, Change(member: alice, before: first, after: nil, reason: .closed)))
        window.add(Fixture.step(3, 4, join(second)))
        let flushed = window.beginFlush(at: start)
        let change = try #require(flushed?.diff.changes.first)
        #expect(change.before == nil && change.after == second && change.reason == nil)
    }

    @Test("A chain of updates becomes one from the first to the last")
    func chaining() throws {
        let versions = (0..<4).map { _ in Fixture.presence() }
        var window = DiffWindow(base: .zero)
        for index in 1..<4 {
            window.add(
                Fixture.step(
                    index, index + 1, Change(member: alice, before: versions[index - 1], after: versions[index])))
        }
        let flushed = window.beginFlush(at: start)
        let change = try #require(flushed?.diff.changes.first)
        #expect(change.before == versions[0] && change.after == versions[3] && change.isUpdate)
    }

    @Test("A hold keeps everything back, and what returns meanwhile was never gone")
    func holding() throws {
        let presence = Fixture.presence()
        var window = DiffWindow(base: .milliseconds(10))
        window.hold(until: start + .seconds(3))
        window.add(Fixture.step(1, 2, Change(member: alice, before: presence, after: nil, reason: .lost)))
        #expect(window.decision(at: start + .seconds(1)) == .wait(until: start + .seconds(3)))
        window.add(Fixture.step(2, 3, join(presence)))
        let flushed = window.beginFlush(at: start + .seconds(3))
        let batch = try #require(flushed)
        #expect(batch.diff.isEmpty)
    }

    @Test("Nothing gathered is no flush")
    func nothing() {
        var window = DiffWindow(base: .milliseconds(10))
        let flushed = window.beginFlush(at: start)?.to
        #expect(flushed == nil)
        #expect(window.decision(at: start) == .flush)
    }
}
