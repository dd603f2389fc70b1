// Rollcall · BasicsTests

import Testing

@testable import Basics

@Suite("Deadlines")
struct DeadlinesTests {
    @Test func `An id is due at the next whole second, once, the earliest first`() {
        var deadlines = Deadlines<String>()
        deadlines.set("late", at: 20)
        deadlines.set("early", at: 10.2)
        #expect(deadlines.take(at: 10.9).isEmpty)
        #expect(deadlines.take(at: 11) == ["early"])
        #expect(deadlines.take(at: 19.9).isEmpty)
        deadlines.set("early", at: 12)
        #expect(deadlines.take(at: 100) == ["early", "late"])
        #expect(deadlines.take(at: 1_000).isEmpty)
    }

    @Test func `An id has one time, the last that was set, and none after its removal`() {
        var deadlines = Deadlines<Int>()
        deadlines.set(1, at: 10)
        deadlines.set(1, at: 30)
        deadlines.set(2, at: 10)
        deadlines.remove(2)
        deadlines.remove(3)
        #expect(deadlines.take(at: 29).isEmpty)
        #expect(deadlines.take(at: 30) == [1])
    }

    @Test func `A time beyond all seconds is never due, and one before all of them at once`() {
        var deadlines = Deadlines<Int>()
        deadlines.set(1, at: 1e300)
        deadlines.set(2, at: -1e300)
        #expect(deadlines.take(at: 1e15) == [2])
    }
}
