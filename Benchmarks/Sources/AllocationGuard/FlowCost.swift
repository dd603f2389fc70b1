// Rollcall · AllocationGuard

/// The allocations of one message, and of one event that combines messages.
public struct FlowCost: Sendable {
    /// The allocations of some messages and of their events together.
    public struct Observation: Sendable {
        let messages: Double
        let events: Double
        let spent: AllocationCount

        public init(messages: Int, events: Int, spent: AllocationCount) {
            self.messages = Double(messages)
            self.events = Double(events)
            self.spent = spent
        }
    }

    public let message: AllocationCount
    public let event: AllocationCount

    public init(message: AllocationCount, event: AllocationCount) {
        self.message = message
        self.event = event
    }

    /// The costs that explain both observations; nil if both have nearly the same events for each message.
    public init?(_ one: Observation, _ other: Observation) {
        let determinant = one.messages * other.events - other.messages * one.events
        guard determinant.magnitude > 0.2 * one.messages * other.messages else { return nil }
        message = (one.spent * other.events - other.spent * one.events) / determinant
        event = (other.spent * one.messages - one.spent * other.messages) / determinant
    }
}
