// Rollcall · rollcall

/// Parses the bytes of a `text/event-stream` into events, by the "event stream interpretation" of the HTML standard.
struct ServerSentEventParser: Sendable {
    /// The cursor to reconnect with.
    ///
    /// Events without an `id` keep it; the parser of the next connection gets it in `init`.
    private(set) var lastEventID: String?
    /// The milliseconds to wait before reconnecting, as the stream sent them.
    private(set) var retry: Int?

    /// The incomplete line; unbounded, because a state is one line that grows with its topic.
    private var line: [UInt8] = []
    private var lastWasCarriageReturn = false
    private var isFirstLine = true
    private var name = ""
    private var data: [String] = []

    init(lastEventID: String? = nil) {
        self.lastEventID = lastEventID
    }

    /// Parses the next bytes and returns the events that they complete.
    mutating func feed(_ bytes: some Sequence<UInt8>) -> [ServerSentEvent] {
        var events: [ServerSentEvent] = []
        for byte in bytes {
            defer { lastWasCarriageReturn = byte == UInt8(ascii: "\r") }
            switch byte {
            case UInt8(ascii: "\n") where lastWasCarriageReturn: continue
            case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                if let event = endLine() { events.append(event) }
                line.removeAll(keepingCapacity: true)
            default: line.append(byte)
            }
        }
        return events
    }

    private mutating func endLine() -> ServerSentEvent? {
        var line = line[...]
        if isFirstLine, line.starts(with: [0xef, 0xbb, 0xbf]) { line = line.dropFirst(3) }
        isFirstLine = false
        guard !line.isEmpty else { return dispatch() }
        let field = line.prefix { $0 != UInt8(ascii: ":") }
        var value = line.dropFirst(field.count + 1)
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        let text = String(decoding: value, as: UTF8.self)
        switch String(decoding: field, as: UTF8.self) {
        case "event": name = text
        case "data": data.append(text)
        case "id" where !value.contains(0): lastEventID = text.isEmpty ? nil : text
        case "retry" where value.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }:
            retry = Int(text) ?? retry
        default: break
        }
        return nil
    }

    private mutating func dispatch() -> ServerSentEvent? {
        defer {
            name = ""
            data = []
        }
        guard !data.isEmpty else { return nil }
        return ServerSentEvent(name: name.isEmpty ? "message" : name, data: data.joined(separator: "\n"))
    }
}

/// One event of a stream.
struct ServerSentEvent: Sendable, Hashable {
    /// `message` where the stream names none.
    var name: String
    var data: String
}
