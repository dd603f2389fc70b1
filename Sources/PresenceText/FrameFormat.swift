// Rollcall · PresenceText

/// The form of a subscriber's frames: the part of a presence that they show, and whether they contain the topic's name
/// and its cursor.
package struct FrameFormat: Hashable, Sendable {
    package let view: View
    /// Whether data is wrapped with its topic: the subscriber follows several topics.
    package let isWrapped: Bool
    /// Whether frames contain the cursor as their `id`.
    ///
    /// If not, the subscriber adds an `id` of its own: it follows several topics, or its ids have the tag of a ticket.
    package let hasID: Bool

    /// - Parameter hasID: Wrapped data never has an `id`.
    package init(view: View, isWrapped: Bool = false, hasID: Bool = true) {
        self.view = view
        self.isWrapped = isWrapped
        self.hasID = hasID && !isWrapped
    }
}

/// The part of a roster that a client asks for.
package enum View: String, Sendable, CaseIterable {
    /// Entries with whole metas.
    case full
    /// Entries with metas that hold only `phx_ref` and, after an update, `phx_ref_prev`.
    case keys
    /// The numbers of keys and of presences.
    case count
}
