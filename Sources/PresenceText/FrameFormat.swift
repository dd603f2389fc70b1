// Rollcall · PresenceText

/// The form of a subscriber's frames: the part of a presence that they show, and whether they contain the topic's name.
package struct FrameFormat: Hashable, Sendable {
    package let view: View
    /// Data is wrapped with its topic and comes without an `id`: the subscriber follows several topics and adds its
    /// own.
    package let isWrapped: Bool

    package init(view: View, isWrapped: Bool = false) {
        self.view = view
        self.isWrapped = isWrapped
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
