// Rollcall · TestSupport

/// One event of a stream, as a browser's EventSource would dispatch it.
package struct SSEEvent: Hashable, Sendable {
    /// Its type; `message` if the stream gave none.
    package let name: String
    package let data: String
    /// The `id` of this block, or nil if it had none.
    package let id: String?
    /// The last id so far, with that of this block: a reconnecting client sends it.
    package let lastEventID: String

    package init(name: String, data: String, id: String? = nil, lastEventID: String = "") {
        self.name = name
        self.data = data
        self.id = id
        self.lastEventID = lastEventID
    }

    package var json: JSONValue {
        get throws { try JSONValue(parsing: self.data) }
    }
}
