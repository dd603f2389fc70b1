// Rollcall · PresenceServer

import NIOCore
import Presence
package import PresenceFeed

/// Writes what feeds have to say as Server-Sent Events, once per format however many read it.
package enum EventEncoder {
    /// The encoder that the hub is given.
    package static var feed: FeedEncoder { FeedEncoder(state: state, diff: diff, dataChange: dataChange) }

    private static func state(of told: EnrichedRoster, format: FrameFormat) -> ByteBuffer {
        let (topic, roster) = (told.topic, told.roster)
        var frame = EventFrame()
        if !format.isWrapped {
            let keys = counted(roster.keyCount, "key"), presences = counted(roster.presenceCount, "presence")
            frame.comment("\(topic.text), \(keys), \(presences)")
        }
        let name = format.view == .count ? "presence_count" : "presence_state"
        frame.event(name, id: id(of: told, format)) { data in
            switch (format.view, format.isWrapped) {
            case (.count, true): writeCounts(told.counts, on: topic, to: &data)
            case (_, true):
                open(topic, to: &data)
                data.append(literal: #","state":"#)
                RosterJSON(view: format.view, extras: told.extras).write(roster, to: &data)
                data.append(UInt8(ascii: "}"))
            case (_, false): RosterJSON(view: format.view, extras: told.extras).write(roster, to: &data)
            }
        }
        return frame.chunk()
    }

    private static func diff(_ diff: Diff, to told: EnrichedRoster, format: FrameFormat) -> ByteBuffer? {
        let shows = format.view == .count ? diff.changes.contains { !$0.isUpdate } : !diff.isEmpty
        var frame = EventFrame()
        guard shows else {
            // A join and a leave that cancelled: nothing to see, but a cursor to come back with.
            if format.isWrapped { return nil }
            frame.advance(to: told.cursor.description)
            return frame.chunk()
        }
        let name = format.view == .count ? "presence_count" : "presence_diff"
        frame.event(name, id: id(of: told, format)) { data in
            switch (format.view, format.isWrapped) {
            case (.count, true): writeCounts(told.counts, on: told.topic, to: &data)
            case (.count, false):
                RosterJSON.writeCounts(keys: told.counts.keys, presences: told.counts.presences, to: &data)
            case (let view, _):
                write(format, told.topic, to: &data) {
                    RosterJSON(view: view, extras: told.extras).write(diff, to: &$0)
                }
            }
        }
        return frame.chunk()
    }

    /// A diff of known refs without leaves; it has no `id`, since nobody's presence moved.
    private static func dataChange(of keys: [Key], in told: EnrichedRoster, format: FrameFormat) -> ByteBuffer? {
        guard format.view == .full else { return nil }
        var frame = EventFrame()
        frame.event("presence_diff") { data in
            write(format, told.topic, to: &data) { object in
                object.append(literal: #"{"joins":"#)
                RosterJSON(extras: told.extras).write(told.roster, keys: keys.sorted(), to: &object)
                object.append(literal: #","leaves":{},"reasons":{}}"#)
            }
        }
        return frame.chunk()
    }

    private static func id(of told: EnrichedRoster, _ format: FrameFormat) -> String? {
        format.isWrapped ? nil : told.cursor.description
    }

    /// Appends the object that `write` writes, with the topic as its first member where the format wraps.
    private static func write(
        _ format: FrameFormat, _ topic: Topic, to data: inout [UInt8], object write: (inout [UInt8]) -> Void
    ) {
        guard format.isWrapped else { return write(&data) }
        open(topic, to: &data)
        data.append(UInt8(ascii: ","))
        appendMembers(to: &data, write: write)
    }

    private static func writeCounts(_ counts: RosterCounts, on topic: Topic, to data: inout [UInt8]) {
        open(topic, to: &data)
        data.append(UInt8(ascii: ","))
        appendMembers(to: &data) { RosterJSON.writeCounts(keys: counts.keys, presences: counts.presences, to: &$0) }
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
