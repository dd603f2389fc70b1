// Rollcall · PresenceModelTests

import PresenceSamples
import Testing

@testable import PresenceModel

@Suite("Changes")
struct ChangeTests {
    @Test func `The same ref, or no presence, before and after is no change`() throws {
        #expect(try change(nil, nil) == nil)
        #expect(try change("x", "x") == nil)
        #expect(try change("x", "x", .closed) == nil)
    }

    @Test func `A leave has a reason, a join and an update have none`() throws {
        #expect(try change("x", nil)?.reason == .lost)
        #expect(try change("x", nil, .expired)?.reason == .expired)
        #expect(try change(nil, "x", .expired)?.reason == nil)
        #expect(try change("x", "y")?.isUpdate == true)
        #expect(try change("x", "y", .closed)?.isUpdate == false)
    }

    /// Each row: the steps in their order, and the change that they become; a step has the refs before and after, and
    /// the reason.
    @Test(
        arguments: [
            ([(nil, "x", nil), ("x", "y", nil)], (nil, "y", nil)),
            ([("x", "y", nil), ("y", "z", nil)], ("x", "z", nil)),
            ([("x", "y", nil), ("y", nil, .untracked)], ("x", nil, .untracked)),
            ([("x", nil, .closed), (nil, "y", nil)], ("x", "y", .closed)),
            ([("x", nil, .closed), (nil, "y", nil), ("y", "z", nil)], ("x", "z", .closed)),
            ([("x", nil, .closed), (nil, "y", nil), ("y", nil, .expired)], ("x", nil, .expired)),
            ([(nil, "x", nil), ("x", nil, .untracked), (nil, "y", nil)], (nil, "y", nil)),
            ([("x", nil, .lost), (nil, "y", nil)], ("x", "y", nil)),
        ] as [([Step], Step)])
    func `Changes of a member in one window become one change`(steps: [Step], result: Step) throws {
        #expect(try fold(steps) == change(result.0, result.1, result.2))
    }

    @Test(
        arguments: [
            [(nil, "x", nil), ("x", nil, .untracked)], [("x", "y", nil), ("y", "x", nil)],
            [("x", nil, .lost), (nil, "x", nil)], [(nil, "x", nil), ("x", "y", nil), ("y", nil, .closed)],
        ] as [[Step]])
    func `Changes that cancel are no change`(steps: [Step]) throws {
        #expect(try fold(steps) == nil)
    }

    typealias Step = (String?, String?, LeaveReason?)

    private func change(_ before: String?, _ after: String?, _ reason: LeaveReason? = nil) throws -> Change? {
        Change(
            member: try member("alice"), before: try before.map { try presence($0) },
            after: try after.map { try presence($0) }, reason: reason)
    }

    private func fold(_ steps: [Step]) throws -> Change? {
        try steps.reduce(nil as Change?) { folded, step in
            let next = try #require(try change(step.0, step.1, step.2))
            return folded.map { $0.followed(by: next) } ?? next
        }
    }
}
