// Rollcall · PresenceServerTests

import NIOCore
import Testing

@testable import PresenceServer

@Suite("Accepting connections")
struct AcceptStateTests {
    private static func at(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .seconds(seconds) }

    @Test func `a node at its limit accepts no connection until one closes, and logs that once a minute`() {
        var state = AcceptState(maximumConnections: 2, further: 0)
        #expect(state.opened(at: Self.at(0)) == .init(accepts: true))
        let full = state.opened(at: Self.at(0))
        #expect(!full.accepts && full.notice == .full)
        #expect(state.closed(at: Self.at(1)).accepts)
        #expect(state.opened(at: Self.at(2)) == .init(accepts: false))
        _ = state.closed(at: Self.at(61))
        #expect(state.opened(at: Self.at(62)).notice != nil)
    }

    @Test func `a node that is full accepts some further connections, and then none`() {
        var state = AcceptState(maximumConnections: 2, further: 2)
        _ = state.opened(at: Self.at(0))
        #expect(!state.isFull)
        #expect(state.opened(at: Self.at(0)) == .init(accepts: true, notice: .full))
        #expect(state.opened(at: Self.at(0)) == .init(accepts: true))
        #expect(state.opened(at: Self.at(0)) == .init(accepts: false))
        #expect(state.closed(at: Self.at(1)) == .init(accepts: true))
        #expect(state.isFull)
    }

    @Test func `the end of a pause is logged once, when there is room again`() {
        var state = AcceptState(maximumConnections: 2, further: 0)
        _ = state.opened(at: Self.at(0))
        _ = state.opened(at: Self.at(0))
        #expect(state.closed(at: Self.at(1)).notice == .resumed)
        #expect(state.closed(at: Self.at(1)).notice == nil)
    }

    @Test func `without room in the system the node accepts again after a second or when a connection closes`() {
        var state = AcceptState(maximumConnections: nil, further: 0)
        _ = state.opened(at: Self.at(0))
        let failed = state.failed("too many open files", at: Self.at(0))
        #expect(!failed.accepts && failed.retry == .seconds(1) && failed.notice != nil)
        #expect(!state.accepts)
        #expect(state.retry().accepts)
        #expect(state.failed("too many open files", at: Self.at(1)).notice == nil)
        #expect(state.closed(at: Self.at(2)).accepts)
    }
}
