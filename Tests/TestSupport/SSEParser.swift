// Rollcall · TestSupport

/// Parses an event stream by the HTML standard (§ 9.2.6, "Interpreting an event stream").
///
/// It does no I/O: bytes in, in any pieces, and items out. The items include those that a browser does not show
/// (comments, a `retry`, a block that only moves the cursor), since tests check them.
package struct SSEParser {
    package enum Item: Hashable, Sendable {
        case event(SSEEvent)
        /// The text after the colon, without one leading space.
        case comment(String)
        /// The reconnection time in milliseconds.
        case retry(Int)
        /// A block without data: no event is dispatched, but the last event id may have moved.
        case idle(lastEventID: String)
    }

    /// The `Last-Event-ID` that a client would send now.
    package private(set) var lastEventID = ""

    private var line: [UInt8] = []
    private var followsCarriageReturn = false
    private var isFirstLine = true

    private var idBuffer = ""
    private var blockID: String?
    private var event = ""
    private var data = ""
    private var sawField = false

    package init() {}

    /// Takes the next bytes of the stream.
    ///
    /// An unfinished block waits for more bytes; at the end of the stream it is dropped.
    package mutating func feed(_ bytes: some Sequence<UInt8>) -> [Item] {
        var items: [Item] = []
        for byte in bytes {
            let endsPair = self.followsCarriageReturn && byte == Self.lineFeed
            self.followsCarriageReturn = byte == Self.carriageReturn
            if endsPair { continue }
            if byte == Self.carriageReturn || byte == Self.lineFeed {
                self.endLine(&items)
            } else {
                self.line.append(byte)
            }
        }
        return items
    }

    private mutating func endLine(_ items: inout [Item]) {
        if self.isFirstLine, self.line.starts(with: [0xEF, 0xBB, 0xBF]) { self.line.removeFirst(3) }
        self.isFirstLine = false
        defer { self.line.removeAll(keepingCapacity: true) }

        guard let colon = self.line.firstIndex(of: UInt8(ascii: ":")) else {
            if self.line.isEmpty {
                self.endBlock(&items)
            } else {
                self.take(field: self.line[...], value: [], &items)
            }
            return
        }
        var value = self.line[(colon + 1)...]
        if value.first == UInt8(ascii: " ") { value.removeFirst() }
        if colon == 0 {
            items.append(.comment(String(decoding: value, as: UTF8.self)))
        } else {
            self.take(field: self.line[..<colon], value: value, &items)
        }
    }

    private mutating func take(field: ArraySlice<UInt8>, value: ArraySlice<UInt8>, _ items: inout [Item]) {
        self.sawField = true
        let text = String(decoding: value, as: UTF8.self)
        switch String(decoding: field, as: UTF8.self) {
        case "event":
            self.event = text
        case "data":
            self.data.append(text)
            self.data.append("\n")
        case "id" where !value.contains(0):
            self.idBuffer = text
            self.blockID = text
        case "retry" where !value.isEmpty && value.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }:
            if let milliseconds = Int(text) { items.append(.retry(milliseconds)) }
        default:
            break
        }
    }

    private mutating func endBlock(_ items: inout [Item]) {
        self.lastEventID = self.idBuffer
        if self.data.isEmpty {
            if self.sawField { items.append(.idle(lastEventID: self.lastEventID)) }
        } else {
            self.data.removeLast()
            items.append(
                .event(
                    SSEEvent(
                        name: self.event.isEmpty ? "message" : self.event, data: self.data, id: self.blockID,
                        lastEventID: self.lastEventID)))
        }
        self.event = ""
        self.data = ""
        self.blockID = nil
        self.sawField = false
    }

    private static let lineFeed = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")
}
