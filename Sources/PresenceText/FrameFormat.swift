// Rollcall · PresenceText

/// The form of a subscriber's frames: the part of a presence that they show, and whether they contain the topic's name
/// and its cursor, or are messages of a socket.
package struct FrameFormat: Hashable, Sendable {
    package let view: View
    /// Whether data is wrapped with its topic: the subscriber follows several topics.
    package let isWrapped: Bool
    /// Whether frames contain the cursor as their `id`.
    ///
    /// If not, the subscriber adds an `id` of its own: it follows several topics, or its ids have the tag of a ticket.
    package let hasID: Bool
    /// The form of a socket's messages; nil for the events of a stream.
    package let socket: SocketFormat?

    /// - Parameter hasID: Wrapped data never has an `id`.
    package init(view: View, isWrapped: Bool = false, hasID: Bool = true) {
        self.view = view
        self.isWrapped = isWrapped
        self.hasID = hasID && !isWrapped
        socket = nil
    }

    /// The messages of a socket, which have no cursor.
    package init(view: View, socket: SocketFormat) {
        self.view = view
        isWrapped = false
        hasID = false
        self.socket = socket
    }

    /// Whether entries have enrichment.
    package var showsData: Bool { view == .full && socket?.showsExtras != false }

    /// The format of states alone: formats that write only diffs differently share it.
    package var ofStates: FrameFormat {
        guard let socket else { return self }
        let shared = SocketFormat(form: socket.form, topicPrefix: socket.topicPrefix, showsExtras: showsData)
        return FrameFormat(view: view, socket: shared)
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
