// Rollcall · PresenceServer

import Basics
import Foundation
import NIOCore
import PresenceModel
import PresenceText

/// The frames that a stream itself makes: pings, notices, errors, and `id` lines for many topics and for tickets.
enum StreamFrames {
    /// An event with data, because the watchdog of a script cannot see a comment.
    static let ping: ByteBuffer = {
        var frame = EventFrame()
        frame.event("ping") { $0.append(literal: "{}") }
        return frame.chunk()
    }()

    static let recovered: ByteBuffer = {
        var frame = EventFrame()
        frame.event("recovered") { $0.append(literal: "{}") }
        return frame.chunk()
    }()

    static func degraded(since: NIODeadline) -> ByteBuffer {
        var data = JSONObjectWriter()
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        data.time("since", now - (NIODeadline.now() - since).nanoseconds / 1_000_000)
        return event("degraded", data)
    }

    /// The announcement of the end of the credential, in seconds since 1970.
    static func expiring(at end: Double) -> ByteBuffer {
        var data = JSONObjectWriter()
        data.time("expires_at", Int64(end * 1000))
        return event("expiring", data)
    }

    static func tracked(_ member: Member, ref: Ref, grace: Int) -> ByteBuffer {
        var data = JSONObjectWriter()
        data.string("key", member.key.text)
        data.string("session", member.session.text)
        data.string("phx_ref", ref.text)
        data.int("grace", grace)
        return event("tracked", data)
    }

    static func untracked(_ member: Member) -> ByteBuffer {
        var data = JSONObjectWriter()
        data.string("key", member.key.text)
        data.string("session", member.session.text)
        return event("untracked", data)
    }

    /// An `error` event with a problem, for a stream that has already sent status 200.
    static func error(_ problem: Problem, instance: String, under base: BasePath) -> ByteBuffer {
        var frame = EventFrame()
        frame.event("error") { $0 += problem.json(instance: instance, under: base) }
        return frame.chunk()
    }

    /// The last event of a stream that the node ends.
    static func end(_ reason: StreamEnd) -> ByteBuffer {
        var data = JSONObjectWriter()
        data.string("reason", reason.rawValue)
        data.bool("reconnect", reason.permitsReconnect)
        return event("end", data)
    }

    /// The `id` line of a stream of many topics or with a ticket; the event's own frame follows it.
    static func id(of cursors: [Cursor], tag: String?) -> ByteBuffer {
        var frame = EventFrame()
        frame.id(LastID.text(cursors, tag: tag))
        return frame.chunk()
    }

    private static func event(_ name: String, _ data: consuming JSONObjectWriter) -> ByteBuffer {
        let json = data.finish()
        var frame = EventFrame()
        frame.event(name) { $0 += json }
        return frame.chunk()
    }
}
