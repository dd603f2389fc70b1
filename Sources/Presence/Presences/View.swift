// Rollcall · Presence

/// The part of a roster that a client asks for.
package enum View: String, Sendable, CaseIterable {
    /// Entries with whole metas.
    case full
    /// Entries with metas that hold only `phx_ref` and, after an update, `phx_ref_prev`.
    case keys
    /// The numbers of keys and of presences.
    case count
}
