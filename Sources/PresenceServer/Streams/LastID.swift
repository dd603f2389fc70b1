// Rollcall · PresenceServer

import Hummingbird
import PresenceModel

/// The last `id` that a client got: the cursors of its topics, and on a stream with a ticket the tag of the opening.
///
/// It is `6f1c09d2a7b3e481-17` of one topic and `6f1c09d2a7b3e481-17,0-0` of two, and with a tag
/// `6f1c09d2a7b3e481-17.k2nA0tQmB4x_w9Lp`.
struct LastID: Sendable {
    private let cursorText: Substring
    let tag: String?

    /// The query parameters in which polyfills of EventSource send the last id, because they cannot set a header.
    static let parameters = [
        "lastEventId", "lastEventID", "LastEventId", "LastEventID", "lasteventid", "last_event_id", "last-event-id",
        "Last-Event-Id", "Last-Event-ID", "evs_last_event_id",
    ]

    /// The text of `Last-Event-ID`, else of the other names of the last id, else of `since`.
    init(of request: Request, _ query: QueryParameters) throws(Problem) {
        let since = try query.one("since")
        let last = Self.parameters.lazy.flatMap { query.all($0) }.first { !$0.isEmpty }
        let header = request.headers[.lastEventID].flatMap { $0.isEmpty ? nil : $0 }
        let text = header ?? last ?? since ?? ""
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        cursorText = parts[0]
        tag = parts.count > 1 ? String(parts[1]) : nil
    }

    /// The cursors of `count` topics.
    ///
    /// For a text that has others the client gets fresh states, and no error.
    func cursors(count: Int) -> [Cursor] {
        let parts = cursorText.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count == count else { return Array(repeating: .empty, count: count) }
        return parts.map { Cursor(String($0)) ?? .empty }
    }

    /// The `id` at these positions.
    static func text(_ cursors: [Cursor], tag: String?) -> String {
        let text = cursors.map(\.description).joined(separator: ",")
        return tag.map { "\(text).\($0)" } ?? text
    }
}
