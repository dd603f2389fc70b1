// Rollcall · PresenceServer

import NIOCore
import Presence
package import PresenceFeed

/// Writes what feeds have to say as Server-Sent Events, once per format however many read it.
package enum EventEncoder {
    /// The encoder that the hub is given.
    package static var feed: FeedEncoder { FeedEncoder(state: state, diff: diff) }

    private static func state(topic: Topic, roster: Roster, cursor: Cursor, format: FrameFormat) -> ByteBuffer {
        var frame = EventFrame()
        if !format.isWrapped {
            let keys = counted(roster.keyCount, "key"), presences = counted(roster.presenceCount, "presence")
            frame.comment("\(topic.text), \(keys), \(presences)")
        }
        let name = format.view == .count ? "presence_count" : "presence_state"
        frame.event(name, id: format.isWrapped ? nil : cursor.description) { data in
            switch (format.view, format.isWrapped) {
            case (.count, true): writeCounts(of: roster, on: topic, to: &data)
            case (_, true):
                open(topic, to: &data)
                data.append(literal: #","state":"#)
                RosterJSON(view: format.view).write(roster, to: &data)
                data.append(UInt8(ascii: "}"))
            case (_, false): RosterJSON(view: format.view).write(roster, to: &data)
            }
        }
        return frame.chunk()
    }

    private static func diff(
        topic: Topic, diff: Diff, roster: Roster, cursor: Cursor, format: FrameFormat
    ) -> ByteBuffer? {
        let shows = format.view == .count ? diff.changes.contains { !$0.isUpdate } : !diff.isEmpty
        var frame = EventFrame()
        guard shows else {
            // A join and a leave that cancelled: nothing to see, but a cursor to come back with.
            if format.isWrapped { return nil }
            frame.advance(to: cursor.description)
            return frame.chunk()
        }
        let name = format.view == .count ? "presence_count" : "presence_diff"
        frame.event(name, id: format.isWrapped ? nil : cursor.description) { data in
            switch (format.view, format.isWrapped) {
            case (.count, true): writeCounts(of: roster, on: topic, to: &data)
            case (.count, false): RosterJSON.writeCounts(of: roster, to: &data)
            case (let view, true):
                open(topic, to: &data)
                data.append(UInt8(ascii: ","))
                appendMembers(to: &data) { RosterJSON(view: view).write(diff, to: &$0) }
            case (let view, false): RosterJSON(view: view).write(diff, to: &data)
            }
        }
        return frame.chunk()
    }

    private static func writeCounts(of roster: Roster, on topic: Topic, to data: inout [UInt8]) {
        open(topic, to: &data)
        data.append(UInt8(ascii: ","))
        appendMembers(to: &data) { RosterJSON.writeCounts(of: roster, to: &$0) }
    }

    /// Appends `{"topic":"…"`, without the closing brace.
    private static func open(_ topic: Topic, to data: inout [UInt8]) {
        data.append(literal: #"{"topic":"#)
        data.append(jsonString: topic.text)
    }

    /// Appends the members of the object that `write` writes, and its closing brace.
    private static func appendMembers(to data: inout [UInt8], write: (inout [UInt8]) -> Void) {
        var object: [UInt8] = []
        write(&object)
        data.append(contentsOf: object.dropFirst())
    }

    private static func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
}
