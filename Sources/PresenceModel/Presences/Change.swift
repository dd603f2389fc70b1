// Rollcall · PresenceModel

/// The change of one member between two states of a topic.
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
    /// The reason of the leave; `nil` if the change has no leave.
    package let reason: LeaveReason?

    /// Compares two states; `nil` if they are the same: no presence in both, or the same ref in both.
    ///
    /// A leave without a reason gets `lost`: only the absence of the member shows it.
    package init?(member: Member, before: Presence?, after: Presence?, reason: LeaveReason? = nil) {
        guard before?.ref != after?.ref else { return nil }
        self.member = member
        self.before = before
        self.after = after
        self.reason = before == nil ? nil : after == nil ? reason ?? .lost : reason
    }

    /// Merges this change with a later one of the same member; `nil` if they cancel.
    ///
    /// The chain r1→r2→r3 becomes r1→r3. The reason of the last leave stays. The reason `lost` is dropped if the member
    /// is back: the member was only absent, and did not leave.
    package func followed(by later: Change) -> Change? {
        let known = reason == .lost && later.after != nil ? nil : reason
        return Change(member: member, before: before, after: later.after, reason: later.reason ?? known)
    }

    /// Whether the member stayed and only its meta changed.
    package var isUpdate: Bool { before != nil && after != nil && reason == nil }
}

/// The changes that lead from one state of a topic to a later one, at most one for each member.
package struct Diff: Hashable, Sendable {
    package var changes: [Change]

    package init(_ changes: [Change] = []) {
        self.changes = changes
    }

    package var isEmpty: Bool { changes.isEmpty }
}

/// Why a presence ended; every leave has exactly one.
package enum LeaveReason: String, Sendable, CaseIterable {
    /// A client untracked it.
    case untracked
    /// It was removed from its topic, or the credential of its stream was revoked.
    case removed
    /// Its stream ended and the grace is over, or was 0.
    case closed
    /// No heartbeat came in time.
    case expired
    /// Redis had only its lease left: keys were deleted, or Redis evicted them.
    case evicted
    /// It is missing after Redis lost data.
    case lost
}
