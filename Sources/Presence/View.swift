// Rollcall · Presence

/// How much of a roster a reader asks for.
package enum View: String, Sendable, CaseIterable {
    /// Entries with whole metas.
    case full
    /// Entries with metas that hold only `phx_ref` and, after an update, `phx_ref_prev`.
    case keys
    /// Two numbers.
    case count
}
