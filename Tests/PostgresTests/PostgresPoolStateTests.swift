// Rollcall · PostgresTests

import Basics
import Testing

@testable import Postgres

/// Connections are named by letters, waiters by numbers; time is counted in seconds from the start.
@Suite("The state of a PostgreSQL pool")
struct PostgresPoolStateTests {
    private typealias State = PostgresPoolState<String, Int>

    private let start = ContinuousClock.now
    private let away = PostgresError(.unavailable, "connection refused")

    private func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

    private func texts(_ actions: [State.Action]) -> [String] {
        actions.map { action in
            switch action {
            case .lend(let lease, let waiter): "lend \(lease.connection) to \(waiter)"
            case .refuse(let waiter, let error): "refuse \(waiter): \(error.code)"
            case .open: "open"
            case .close(let connection): "close \(connection)"
            case .reportUp: "up"
            case .reportDown: "down"
            }
        }
    }

    private func lease(_ actions: [State.Action]) throws -> PostgresLease<String> {
        try #require(
            actions.compactMap { action in
                if case .lend(let lease, _) = action { lease } else { nil }
            }.first)
    }

    /// A state with an idle connection for each letter.
    private func state(_ connections: String, _ change: (inout PostgresPoolOptions) -> Void = { _ in }) -> State {
        var options = PostgresPoolOptions()
        change(&options)
        var state = State(options: options)
        _ = state.start()
        for name in connections { _ = state.opened("\(name)", expiry: at(1800), at: start) }
        return state
    }

    @Test func `A pool starts with the minimum, and grows to the maximum while callers wait`() {
        var state = State(options: PostgresPoolOptions())
        #expect(texts(state.start()) == ["open", "open"])
        #expect(texts(state.borrow(1)) == [])
        #expect(texts(state.borrow(2)) == [])
        #expect(texts(state.borrow(3)) == ["open"])
        for waiter in 4...8 { #expect(texts(state.borrow(waiter)) == ["open"]) }
        #expect(texts(state.borrow(9)) == [])
        #expect(texts(state.opened("a", expiry: at(1800), at: start)) == ["up", "lend a to 1"])
        #expect(texts(state.opened("b", expiry: at(1800), at: start)) == ["lend b to 2"])
    }

    @Test func `A returned connection goes to the caller that waits longest, and an idle one to the next caller`()
        throws
    {
        var state = state("ab") { $0.maximum = 2 }
        let first = state.borrow(1)
        #expect(texts(first) == ["lend b to 1"])
        #expect(texts(state.borrow(2)) == ["lend a to 2"])
        #expect(texts(state.borrow(3)) == [])
        #expect(texts(state.borrow(4)) == [])
        #expect(texts(state.giveBack(try lease(first), at: start)) == ["lend b to 3"])
        #expect(texts(state.giveUp(4, away)) == ["refuse 4: unavailable"])
        #expect(texts(state.giveUp(4, away)) == [])
    }

    @Test func `At the bound a caller is refused as busy`() {
        var state = state("ab") {
            $0.maximum = 2
            $0.maximumWaiting = 1
        }
        for waiter in 1...3 { _ = state.borrow(waiter) }
        #expect(texts(state.borrow(4)) == ["refuse 4: busy"])
    }

    @Test func `Callers wait for the first attempt; when it fails they are refused, and later ones at once`() {
        var state = State(options: PostgresPoolOptions())
        _ = state.start()
        #expect(state.fault != nil)
        #expect(texts(state.borrow(1)) == [])
        #expect(texts(state.failed(away)) == ["down", "refuse 1: unavailable"])
        #expect(texts(state.failed(away)) == [])
        #expect(texts(state.borrow(2)) == ["refuse 2: unavailable"])
        #expect(state.fault?.message == "connection refused")
        // Of the two attempts that paused, one connects again.
        #expect(texts(state.paused()) == [])
        #expect(texts(state.paused()) == ["open"])
        #expect(texts(state.opened("a", expiry: at(1800), at: start)) == ["up", "open"])
        #expect(state.fault == nil)
        #expect(state.failures == 0)
    }

    @Test func `Lost connections are replaced at once; only the last loss is reported, and callers wait for the next`()
        throws
    {
        var state = state("ab")
        let one = try lease(state.borrow(1))
        let other = try lease(state.borrow(2))
        let lost = PostgresError(.lost, "gone", sqlState: "57P01")
        #expect(texts(state.giveBack(one, error: lost, at: start)) == ["open"])
        #expect(texts(state.giveBack(other, error: lost, at: start)) == ["down", "open"])
        #expect(texts(state.giveBack(other, error: lost, at: start)) == [])
        #expect(state.fault?.description == "gone (SQLSTATE 57P01)")
        #expect(texts(state.borrow(3)) == [])
        #expect(texts(state.failed(away)) == ["refuse 3: unavailable"])
        #expect(texts(state.opened("c", expiry: at(1800), at: start)) == ["up"])
    }

    @Test func `Idle connections that ended are dropped and replaced`() {
        var state = state("ab")
        #expect(texts(state.drop { _ in false }) == [])
        #expect(texts(state.drop { $0 == "a" }) == ["open"])
        #expect(texts(state.drop { _ in true }) == ["down", "open"])
        #expect(state.idleConnections == [])
    }

    @Test func `Connections that are idle for a minute are closed, down to the minimum, one at a time`() throws {
        var state = state("ab")
        let leases = try (1...4).map { waiter in
            let actions = state.borrow(waiter)
            return try lease(waiter > 2 ? state.opened(waiter == 3 ? "c" : "d", expiry: at(1800), at: start) : actions)
        }
        for lease in leases.sorted(by: { $0.connection < $1.connection }) { _ = state.giveBack(lease, at: start) }
        #expect(state.idleConnections == ["a", "b", "c", "d"])
        #expect(texts(state.tidy(at: at(59))) == [])
        #expect(texts(state.tidy(at: at(60))) == ["close a"])
        #expect(texts(state.tidy(at: at(60))) == ["close b"])
        #expect(texts(state.tidy(at: at(60))) == [])
    }

    @Test func `An old connection is replaced when it is idle or returned, but the last one stays`() throws {
        var state = state("ab")
        let old = try lease(state.borrow(1))
        #expect(texts(state.tidy(at: at(1800))) == ["close a", "open"])
        #expect(texts(state.giveBack(old, at: at(1800))) == [])
        #expect(texts(state.tidy(at: at(1800))) == [])
        #expect(texts(state.opened("c", expiry: at(3600), at: at(1800))) == [])
        #expect(texts(state.tidy(at: at(1801))) == ["close b", "open"])
        let young = try lease(state.borrow(2))
        _ = state.opened("d", expiry: at(3600), at: at(1802))
        #expect(texts(state.giveBack(young, at: at(3600))) == ["close c", "open"])
    }

    @Test func `After the shutdown all callers are refused, and all open and new connections are closed`() throws {
        var state = state("ab") { $0.maximum = 2 }
        let lent = try lease(state.borrow(1))
        _ = state.borrow(2)
        _ = state.borrow(3)
        #expect(texts(state.shutDown()).sorted() == ["close a", "close b", "refuse 3: unavailable"])
        #expect(texts(state.giveBack(lent, at: start)) == [])
        #expect(texts(state.borrow(4)) == ["refuse 4: unavailable"])
        #expect(texts(state.paused()) == [])
        #expect(texts(state.opened("c", expiry: at(1800), at: start)) == ["close c"])
        #expect(state.fault != nil)
    }

    @Test func `Pauses double from 50 ms to a second, and jitter takes a part of them`() {
        let backoff = PostgresPoolOptions().backoff
        #expect(backoff.pause(failures: 1, jitter: 1) == .milliseconds(50))
        #expect(backoff.pause(failures: 3, jitter: 0.5) == .milliseconds(100))
        #expect(backoff.pause(failures: 1_000_000, jitter: 1) == .seconds(1))
    }
}
