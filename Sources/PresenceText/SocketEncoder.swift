// Rollcall · PresenceText

import Basics
import JSONText
import NIOCore
import PresenceModel

/// Encodes the events of feeds as messages of Phoenix sockets.
///
/// A message is a whole WebSocket frame. Only a state in the form of an array, and a stamped diff, are without their
/// beginning: they are the text behind the `join_ref`, and ``WebSocketText`` makes the frame of each socket.
enum SocketEncoder {
    /// Returns the whole roster.
    static func state(_ enriched: EnrichedRoster, _ format: SocketFormat, view: View) -> ByteBuffer {
        let name: StaticString = view == .count ? "presence_count" : "presence_state"
        var buffer = ByteBuffer()
        write(name, on: enriched.topic, format, isStamped: format.form == .array, to: &buffer) {
            json(enriched, format, view).write(enriched.roster, to: &$0)
        }
        return buffer
    }

    /// Returns a diff that leads to the roster: one message, or one for each key.
    static func diff(_ diff: Diff, to enriched: EnrichedRoster, _ format: SocketFormat, view: View) -> ByteBuffer {
        var buffer = ByteBuffer()
        guard view != .count else {
            write("presence_count", on: enriched.topic, format, isStamped: format.stampsDiffs, to: &buffer) {
                RosterJSON.writeCounts(keys: enriched.counts.keys, presences: enriched.counts.presences, to: &$0)
            }
            return buffer
        }
        let json = Self.json(enriched, format, view)
        for part in format.splitsDiffs ? split(diff) : [diff] {
            write("presence_diff", on: enriched.topic, format, isStamped: format.stampsDiffs, to: &buffer) {
                json.write(part, showsReasons: format.showsReasons, to: &$0)
            }
        }
        return buffer
    }

    /// Returns a diff with new enrichment: known refs, and no leaves; nil if the format shows no enrichment.
    static func dataChange(of keys: [Key], in enriched: EnrichedRoster, _ format: SocketFormat) -> ByteBuffer? {
        guard format.showsExtras else { return nil }
        var buffer = ByteBuffer()
        let json = Self.json(enriched, format, .full)
        let sorted = keys.sorted()
        for part in format.splitsDiffs ? sorted.map({ [$0] }) : [sorted] {
            write("presence_diff", on: enriched.topic, format, isStamped: format.stampsDiffs, to: &buffer) { payload in
                payload.append(literal: #"{"joins":"#)
                json.write(enriched.roster, keys: part, to: &payload)
                payload.append(literal: format.showsReasons ? #","leaves":{},"reasons":{}}"# : #","leaves":{}}"#)
            }
        }
        return buffer
    }

    private static func json(_ enriched: EnrichedRoster, _ format: SocketFormat, _ view: View) -> RosterJSON {
        RosterJSON(view: view, fields: format.showsExtras ? enriched.fields : .none)
    }

    /// One diff for each key; an update is one, because its halves belong together.
    private static func split(_ diff: Diff) -> [Diff] {
        Dictionary(grouping: diff.changes) { $0.member.key }.sorted { $0.key < $1.key }.map { Diff($0.value) }
    }

    /// Appends one message.
    ///
    /// - Parameter isStamped: Whether it begins behind the `join_ref`, and has no WebSocket frame.
    private static func write(
        _ event: StaticString, on topic: Topic, _ format: SocketFormat, isStamped: Bool, to buffer: inout ByteBuffer,
        payload: (inout [UInt8]) -> Void
    ) {
        var text: [UInt8] = []
        switch format.form {
        case .object: text.append(literal: #"{"topic":"#)
        case .array: text.append(literal: isStamped ? ",null," : "[null,null,")
        }
        text.append(jsonString: format.topicPrefix.rawValue + topic.text)
        text.append(literal: format.form == .object ? #","event":""# : #",""#)
        text.append(literal: event)
        text.append(literal: format.form == .object ? #"","payload":"# : #"","#)
        payload(&text)
        text.append(literal: format.form == .object ? #","ref":null}"# : "]")
        if isStamped { buffer.writeBytes(text) } else { WebSocketText.write(text, to: &buffer) }
    }
}
