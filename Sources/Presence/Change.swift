// Rollcall · Presence

/// What became of one member between two states of a topic.
///
/// | before | after | reason | |
/// |---|---|---|---|
/// | – | y | – | join |
/// | x | – | r | leave |
/// | x | y | – | update |
/// | x | y | r | leave, then join |
package struct Change: Hashable, Sendable {
    package let member: Member
    package let before: Presence?
    package let after: Presence?
    /// Why `before` left; `nil` if it did not.
    package let reason: LeaveReason?

    /// Compares two states; `nil` if they are the same: nobody before and after, or the same ref.
    ///
    /// A leave without a reason is one known only by the absence: `lost`.
    package init?(member: Member, before: Presence?, after: Presence?, reason: LeaveReason? = nil) {
        guard before?.ref != after?.ref else { return nil }
        self.member = member
        self.before = before
        self.after = after
        self.reason = before == nil ? nil : after == nil ? reason ?? .lost : reason
    }

    /// Returns what this change and then a later one of the same member come to; `nil` if they cancel.
    ///
    /// The chain r1→r2→r3 is r1→r3. A leave anywhere in between keeps its reason, the last one wins; but one that was
    /// only taken for a leave, since the member was absent, was none if the member is back.
    package func followed(by later: Change) -> Change? {
        let known = reason == .lost && later.after != nil ? nil : reason
        return Change(member: member, before: before, after: later.after, reason: later.reason ?? known)
    }

    /// Whether the member stayed and only its meta changed.
    package var isUpdate: Bool { before != nil && after != nil && reason == nil }
}
