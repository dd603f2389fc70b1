// Rollcall · TestSupport

/// One event of a stream, as a browser's EventSource would dispatch it.
package struct SSEEvent: Hashable, Sendable {
    /// Its type; `message` when the stream gave none.
    package let name: String
    package let data: String
    /// The `id` of this very block, or nil when it had none.
    package let id: String?
    /// The last id so far, this block's included: what a reconnecting client sends.
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
