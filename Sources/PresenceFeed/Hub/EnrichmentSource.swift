// Rollcall · PresenceFeed

package import PresenceModel

/// The functions of the fetch hook that feeds and lists use; it adds fields beside the metas of keys.
///
/// A feed enriches once before fan-out, for all its subscribers.
package struct EnrichmentSource: Sendable {
    /// Whether anything is added on a topic.
    package var applies: @Sendable (Topic) -> Bool
    /// Returns the known data of the keys that are shown and of those that leave; nil if some has to be fetched.
    ///
    /// Called on event loops: must not block.
    package var known: @Sendable (_ shown: [Key], _ leaving: [Key], Topic) -> EnrichmentFields?
    /// Fetches the unknown data of the keys that are shown; a failure marks the keys as incomplete.
    ///
    /// Returns within the hook's time-out, counted from when the first of the keys was wanted.
    package var fetch:
        @Sendable (_ shown: [Key], _ leaving: [Key], Topic, _ wantedSince: ContinuousClock.Instant) async ->
            EnrichmentFields
    /// The data of these keys changed at its source.
    package var invalidate: @Sendable ([Key]) -> Void
    /// Any data may have changed: a notification may have been lost.
    package var refetchAll: @Sendable () -> Void
    /// Keys with data that differs from the data returned last, or that was missing then.
    package var changes: ChangedKeys

    package init(
        applies: @escaping @Sendable (Topic) -> Bool,
        known: @escaping @Sendable ([Key], [Key], Topic) -> EnrichmentFields?,
        fetch: @escaping @Sendable ([Key], [Key], Topic, ContinuousClock.Instant) async -> EnrichmentFields,
        invalidate: @escaping @Sendable ([Key]) -> Void = { _ in }, refetchAll: @escaping @Sendable () -> Void = {},
        changes: ChangedKeys = ChangedKeys()
    ) {
        self.applies = applies
        self.known = known
        self.fetch = fetch
        self.invalidate = invalidate
        self.refetchAll = refetchAll
        self.changes = changes
    }

    /// Adds nothing.
    package static let none = EnrichmentSource(
        applies: { _ in false }, known: { _, _, _ in EnrichmentFields.none }, fetch: { _, _, _, _ in .none })

    /// Returns the fields of these keys, known or fetched.
    package func fields(of keys: [Key], on topic: Topic) async -> EnrichmentFields {
        guard applies(topic) else { return .none }
        if let known = known(keys, [], topic) { return known }
        return await fetch(keys, [], topic, .now)
    }
}
