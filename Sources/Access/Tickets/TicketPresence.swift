// Rollcall · Access

import JSONText
package import PresenceModel

/// The presence that the stream of a ticket is.
package struct TicketPresence: Sendable {
    /// Its session is fixed when the ticket is made, so that the stream has the same one each time it is opened.
    package let member: Member
    /// Nil keeps the meta of a session that is already present.
    package let meta: Meta?
    /// Seconds that the presence outlives the stream.
    package let grace: Int

    package init(member: Member, meta: Meta?, grace: Int) {
        self.member = member
        self.meta = meta
        self.grace = grace
    }

    /// Reads the member `present` of a record.
    init?(_ json: JSON) {
        guard let key = json["key"]?.string.flatMap({ Key(utf8: $0.utf8) }),
            let session = json["session"]?.string.flatMap({ Session(utf8: $0.utf8) }), let grace = json["grace"]?.int
        else { return nil }
        self.init(
            member: Member(key: key, session: session), meta: json["meta"].map { Meta(stored: $0.compact) },
            grace: grace)
    }
}
