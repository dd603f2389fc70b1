// Rollcall · EndToEndTests

import TestSupport
import Testing

@testable import rollcall

@Suite("A verdict")
struct AsyncFlagTests {
    @Test func `It wakes all that wait, and those that come later have it at once`() async {
        let verdict = AsyncFlag()
        async let first = verdict.value
        async let second = verdict.value
        verdict.settle(true)
        let both = await (first, second)
        #expect(both == (true, true))
        #expect(await verdict.value)
        verdict.settle(false)
        #expect(await verdict.value)
    }

    @Test func `A wait that is cancelled ends`() async {
        let verdict = AsyncFlag()
        let waiting = Task { await verdict.value }
        waiting.cancel()
        #expect(await waiting.value == false)
        verdict.settle(true)
        #expect(await verdict.value)
    }
}
