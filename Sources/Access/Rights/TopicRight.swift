// Rollcall · Access

/// What a credential allows on a topic.
package struct TopicRight: Hashable, Sendable {
    /// Who may be tracked.
    package enum Track: Int, Comparable, Sendable {
        case none
        /// Presences under the credential's own key, `track`.
        case own
        /// Presences under every key, `track:any`; API keys only.
        case any

        package static func < (left: Track, right: Track) -> Bool { left.rawValue < right.rawValue }
    }

    /// What may be seen; each level includes those before it.
    package enum See: Int, Comparable, CaseIterable, Sendable {
        case nothing
        /// The numbers of keys and presences, `see:count`.
        case count
        /// Keys and refs, `see:keys`.
        case keys
        /// Whole metas and enrichment, `see`.
        case full

        package static func < (left: See, right: See) -> Bool { left.rawValue < right.rawValue }

        /// The word of the right.
        package var word: String {
            switch self {
            case .nothing: ""
            case .count: "see:count"
            case .keys: "see:keys"
            case .full: "see"
            }
        }
    }

    package var track: Track
    package var see: See

    package init(track: Track = .none, see: See = .nothing) {
        self.track = track
        self.see = see
    }

    package static let none = TopicRight()
    /// Everything that exists.
    package static let all = TopicRight(track: .any, see: .full)
}

/// What an API key may do beside its rights on topics.
package enum ServiceRight: String, CaseIterable, Sendable {
    case remove, changes, history, enrich, revoke, operate
}
