// Rollcall · AllocationGuard

/// What a message costs, and what an event costs that is made of messages.
public struct FlowCost: Sendable {
    /// What some messages and the events that they became have cost together.
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

    /// The costs that explain both observations; nil if messages became nearly as many events in both.
    public init?(_ one: Observation, _ other: Observation) {
        let determinant = one.messages * other.events - other.messages * one.events
        guard determinant.magnitude > 0.2 * one.messages * other.messages else { return nil }
        message = (one.spent * other.events - other.spent * one.events) / determinant
        event = (other.spent * one.messages - one.spent * other.messages) / determinant
    }
}
