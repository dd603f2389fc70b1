// Rollcall · PresenceServer

import Access
import Basics
import JSONText
import PresenceModel

/// The presence that a stream requests: `?key=alice&meta={…}&session=…&grace=5`, or the one of its ticket.
struct StreamPresenceRequest: Sendable {
    /// Its session is random if the query names none.
    let member: Member
    /// Whether the query names no session, so that a stream that resumes may take its earlier one.
    let isSessionGenerated: Bool
    /// Nil keeps the meta of a session that is already present.
    let meta: Meta?
    /// Without `meta`, that of a session which is not present yet; nil for an empty one.
    let defaultMeta: Meta?
    /// Seconds that the presence outlives the stream.
    let grace: Int

    /// Reads the query; nil if it has no `key`, and then `meta`, `session` and `grace` are refused.
    init?(_ query: QueryParameters, limits: Limits) throws(Problem) {
        guard let key = try query.one("key") else {
            for name in ["meta", "session", "grace"] where query.has(name) {
                throw Problem(.invalidQuery, at: .parameter(name), "\(name) needs key, which names the presence.")
            }
            return nil
        }
        let session = try query.one("session")
        isSessionGenerated = session == nil
        defaultMeta = nil
        let meta = try query.one("meta")
        let grace = try query.one("grace")
        do throws(InputError) {
            member = Member(
                key: try Key(key, at: .parameter("key")),
                session: try session.map { text throws(InputError) in try Session(text, at: .parameter("session")) }
                    ?? .random())
            self.meta = try meta.map { text throws(InputError) in try Self.meta(text, limits) }
            self.grace = try grace.map { text throws(InputError) in try limits.grace(text) } ?? limits.defaultGrace
        } catch {
            throw Problem(error.at(.parameter(error.parameter ?? "meta")))
        }
    }

    /// The presence of a ticket, with a session that the ticket fixed.
    init(_ presence: TicketPresence) {
        member = presence.member
        isSessionGenerated = false
        meta = presence.meta
        defaultMeta = nil
        grace = presence.grace
    }

    /// The presence of a channel, which never resumes a session that the node drew.
    init(_ member: Member, meta: Meta?, defaultMeta: Meta?, grace: Int) {
        self.member = member
        isSessionGenerated = false
        self.meta = meta
        self.defaultMeta = meta == nil ? defaultMeta : nil
        self.grace = grace
    }

    private static func meta(_ text: String, _ limits: Limits) throws(InputError) -> Meta {
        do throws(InputError) {
            let json = try JSON(parsing: text, maximumDepth: Limits.bodyDepth)
            return try Meta(json, limit: limits.maximumMetaBytes, at: .pointer("#"))
        } catch {
            // The problem names only the parameter, so the detail names the member.
            let place = error.pointer.flatMap { $0 == "#" ? nil : "At \($0): " } ?? ""
            throw InputError(error.code, at: .parameter("meta"), place + error.detail)
        }
    }
}
