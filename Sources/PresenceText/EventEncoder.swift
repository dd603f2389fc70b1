// Rollcall · PresenceText

import Basics
import JSONText
package import NIOCore
package import PresenceModel

/// Encodes the events of feeds as Server-Sent Events, or as messages of sockets: once for each format, for any number
/// of subscribers.
package enum EventEncoder {
    /// Returns the whole roster at its cursor.
    package static func state(_ enriched: EnrichedRoster, format: FrameFormat) -> ByteBuffer {
        if let socket = format.socket { return SocketEncoder.state(enriched, socket, view: format.view) }
        let (topic, roster) = (enriched.topic, enriched.roster)
        var frame = EventFrame()
        // Without an `id` of its own the frame follows the subscriber's `id` line, which a comment must not end.
        if format.hasID {
            let keys = counted(roster.keyCount, "key"), presences = counted(roster.presenceCount, "presence")
            frame.comment("\(topic.text), \(keys), \(presences)")
        }
        let name = format.view == .count ? "presence_count" : "presence_state"
        frame.event(name, id: id(of: enriched, format)) { data in
            switch (format.view, format.isWrapped) {
            case (.count, true): writeCounts(enriched.counts, on: topic, to: &data)
            case (_, true):
                open(topic, to: &data)
                data.append(literal: #","state":"#)
                RosterJSON(view: format.view, fields: enriched.fields).write(roster, to: &data)
                data.append(UInt8(ascii: "}"))
            case (_, false): RosterJSON(view: format.view, fields: enriched.fields).write(roster, to: &data)
            }
        }
        return frame.chunk()
    }

    /// Returns a diff that leads to the roster and its cursor.
    ///
    /// Returns nil if the format shows no change and has no `id`; one with an `id` then gets only that.
    package static func diff(_ diff: Diff, to enriched: EnrichedRoster, format: FrameFormat) -> ByteBuffer? {
        let shows = format.view == .count ? diff.changes.contains { !$0.isUpdate } : !diff.isEmpty
        if let socket = format.socket {
            return shows ? SocketEncoder.diff(diff, to: enriched, socket, view: format.view) : nil
        }
        var frame = EventFrame()
        guard shows else {
            // A join and a leave that cancel, for example.
            if !format.hasID { return nil }
            frame.advance(to: enriched.cursor.description)
            return frame.chunk()
        }
        let name = format.view == .count ? "presence_count" : "presence_diff"
        frame.event(name, id: id(of: enriched, format)) { data in
            switch (format.view, format.isWrapped) {
            case (.count, true): writeCounts(enriched.counts, on: enriched.topic, to: &data)
            case (.count, false):
                RosterJSON.writeCounts(keys: enriched.counts.keys, presences: enriched.counts.presences, to: &data)
            case (let view, _):
                write(format, enriched.topic, to: &data) {
                    RosterJSON(view: view, fields: enriched.fields).write(diff, to: &$0)
                }
            }
        }
        return frame.chunk()
    }

    /// Returns a diff with new enrichment; nil if the format shows no enrichment.
    ///
    /// It has known refs, no leaves, and no `id`, because the cursor has not moved.
    package static func dataChange(of keys: [Key], in enriched: EnrichedRoster, format: FrameFormat) -> ByteBuffer? {
        guard format.view == .full else { return nil }
        if let socket = format.socket { return SocketEncoder.dataChange(of: keys, in: enriched, socket) }
        var frame = EventFrame()
        frame.event("presence_diff") { data in
            write(format, enriched.topic, to: &data) { object in
                object.append(literal: #"{"joins":"#)
                RosterJSON(fields: enriched.fields).write(enriched.roster, keys: keys.sorted(), to: &object)
                object.append(literal: #","leaves":{},"reasons":{}}"#)
            }
        }
        return frame.chunk()
    }

    private static func id(of enriched: EnrichedRoster, _ format: FrameFormat) -> String? {
        format.hasID ? enriched.cursor.description : nil
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
