// Rollcall · AllocationGuardTests

import Testing

@testable import AllocationGuard

struct FlowCostTests {
    private static func observation(_ messages: Int, _ events: Int) -> FlowCost.Observation {
        let spent = AllocationCount(
            number: Double(48 * messages + 30 * events), bytes: Double(2_000 * messages + events))
        return FlowCost.Observation(messages: messages, events: events, spent: spent)
    }

    @Test func `two observations give the cost of a message and the cost of an event`() throws {
        let cost = try #require(FlowCost(Self.observation(2_000, 90), Self.observation(2_000, 1_990)))
        #expect(abs(cost.message.number - 48) < 1e-9)
        #expect(abs(cost.event.number - 30) < 1e-9)
        #expect(abs(cost.message.bytes - 2_000) < 1e-6)
        #expect(abs(cost.event.bytes - 1) < 1e-6)
    }

    @Test func `two observations that are nearly alike give no costs`() {
        #expect(FlowCost(Self.observation(2_000, 1_990), Self.observation(2_000, 2_000)) == nil)
        #expect(FlowCost(Self.observation(2_000, 0), Self.observation(2_000, 0)) == nil)
    }
}
