// Rollcall · PresenceText

/// The form of a socket's messages about a topic, of which all sockets with the same form share the bytes.
package struct SocketFormat: Hashable, Sendable {
    package enum Form: Sendable {
        /// `{"topic","event","payload","ref"}`, version 1 of Phoenix's serializer.
        case object
        /// `[join_ref,ref,topic,event,payload]`, version 2.
        case array
    }

    package let form: Form
    package let topicPrefix: TopicPrefix
    /// Whether diffs have the member `reasons`, which some clients cannot read.
    package let showsReasons: Bool
    /// Whether entries have enrichment beside their metas.
    package let showsExtras: Bool
    /// Whether a diff is one message for each key.
    package let splitsDiffs: Bool
    /// Whether diffs have the `join_ref` of the channel, so that only the rest of the message is shared.
    package let stampsDiffs: Bool

    /// - Parameter stampsDiffs: Has no effect on objects, which have no `join_ref`, and on split diffs.
    package init(
        form: Form, topicPrefix: TopicPrefix = .none, showsReasons: Bool = false, showsExtras: Bool = true,
        splitsDiffs: Bool = false, stampsDiffs: Bool = false
    ) {
        self.form = form
        self.topicPrefix = topicPrefix
        self.showsReasons = showsReasons
        self.showsExtras = showsExtras
        self.splitsDiffs = splitsDiffs
        self.stampsDiffs = stampsDiffs && form == .array && !splitsDiffs
    }
}

/// The text that a client writes before each topic, and expects before it.
package enum TopicPrefix: String, Sendable, CaseIterable {
    case none = ""
    /// Of supabase's clients.
    case realtime = "realtime:"
}
