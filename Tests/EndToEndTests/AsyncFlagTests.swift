// Rollcall · EndToEndTests

import TestSupport
import Testing

@testable import rollcall

@Suite("An asynchronous flag")
struct AsyncFlagTests {
    @Test func `A flag that is set wakes all waiting tasks, and later tasks get its value at once`() async {
        let flag = AsyncFlag()
        async let first = flag.value
        async let second = flag.value
        flag.settle(true)
        let both = await (first, second)
        #expect(both == (true, true))
        #expect(await flag.value)
        flag.settle(false)
        #expect(await flag.value)
    }

    @Test func `A cancelled wait ends with false`() async {
        let flag = AsyncFlag()
        let waiting = Task { await flag.value }
        waiting.cancel()
        #expect(await waiting.value == false)
        flag.settle(true)
        #expect(await flag.value)
    }
}
