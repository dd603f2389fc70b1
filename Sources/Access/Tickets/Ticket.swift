// Rollcall · Access

package import Basics
import Crypto
import JSONText
package import PresenceModel

/// One stream that may be opened without a credential, and the caller for whom.
///
/// The EventSource of a browser sends no header fields of the page. So the page gets a ticket with its credential, and
/// puts the text of the ticket into the query. Redis keeps the record of the ticket under the hash of that text.
package struct Ticket: Sendable {
    /// Who got the ticket.
    ///
    /// What the stream may show is in the ticket, so the caller has no other rights.
    package let caller: Caller
    package let topics: [Topic]
    /// Whether it is a stream of many topics, also if there is only one.
    package let isOfManyTopics: Bool
    /// What the stream shows of its topics; nothing if it has the events of its own presence only.
    package let see: TopicRight.See
    package let presence: TicketPresence?
    /// The `Origin` of the page that got the ticket; nil for one that a backend got.
    package let origin: String?

    /// Bytes of the longest record, its meta not counted.
    package static let maximumBytes = 1_024

    /// - Parameter now: Seconds since 1970.
    package init(
        of caller: Caller, at now: Double, topics: [Topic], isOfManyTopics: Bool, see: TopicRight.See,
        presence: TicketPresence?, origin: String?
    ) {
        self.caller = Caller(
            caller.identity, rights: Rights(), credential: caller.credential, expiresAt: caller.end(at: now))
        self.topics = topics
        self.isOfManyTopics = isOfManyTopics
        self.see = see
        self.presence = presence
        self.origin = origin
    }

    /// Throws if the ticket opens nothing now: for another origin, or without its credential.
    ///
    /// - Parameters:
    ///   - origin: The `Origin` of the request. Browsers send none with a GET to the page's own origin.
    ///   - now: Seconds since 1970.
    /// - Returns: The caller of the stream, who may have been removed from one of its topics.
    @discardableResult
    package func check(origin: String?, by credentials: Credentials, at now: Double) throws(Refusal) -> Caller {
        if let own = self.origin, let origin, !origin.utf8.elementsEqual(own.utf8) {
            throw .ticket("is for a page of another origin")
        }
        if let end = caller.expiresAt, end <= now { throw .ticket("has ended with its credential") }
        guard credentials.holds(caller, at: now) else { throw .ticket("is of a credential that was retired") }
        let revocations = credentials.revocations
        if revocations.refuses(caller, at: now) { throw .ticket("is of a credential that was revoked") }
        return caller.knowing(revocations, at: now)
    }
}

extension Refusal {
    /// A ticket that is refused: what it has, or is.
    package static func ticket(_ reason: String) -> Refusal { .unauthenticated(detail: "The ticket \(reason).") }
}

// MARK: - The text

extension Ticket {
    /// Draws the text of a new ticket, 256 random bits in base64url; returns it with the ticket's name in Redis.
    package static func draw() -> (text: String, name: String) {
        let bits = (0..<32).map { _ in UInt8.random(in: .min ... .max) }
        let text = Base64URL.encode(bits)
        return (String(decoding: text, as: UTF8.self), name(of: text))
    }

    /// The name of the ticket with a text; nil for a text that no ticket has.
    package static func name(of text: String) -> String? {
        let text = Array(text.utf8)
        guard text.count == 43, Base64URL.decode(text) != nil else { return nil }
        return name(of: text)
    }

    /// The SHA-256 of a text, in base64url.
    private static func name(of text: [UInt8]) -> String {
        String(decoding: Base64URL.encode(Array(SHA256.hash(data: text))), as: UTF8.self)
    }
}

// MARK: - The record

extension Ticket {
    /// Makes the JSON that ``init(record:)`` reads.
    ///
    /// - Throws: `invalid` if it has more than ``maximumBytes`` bytes besides the meta.
    package func record() throws(InputError) -> [UInt8] {
        var record = RecordWriter()
        record.member("topics") { json in
            var separator = Separator(open: "[")
            for topic in topics {
                separator.write(to: &json)
                json.append(jsonString: topic.text)
            }
            separator.close("]", to: &json)
        }
        if isOfManyTopics { record.member("many") { $0.append(literal: "true") } }
        if see != .nothing { record.text("see", see.word) }
        switch (caller.identity, caller.credential) {
        case (.user(let key), .token(key: let hash, issuedAt: let issuedAt, jti: let jti)):
            record.text("user", key.text)
            record.text("hash", hash)
            record.time("iat", issuedAt)
            if let jti { record.text("jti", jti) }
        case (.apiKey(let id), .apiKey(_, let hash)):
            record.text("api_key", id)
            record.text("hash", hash)
        default: break
        }
        record.time("until", caller.expiresAt)
        if let origin { record.text("origin", origin) }
        if let presence { record.member("present") { $0.append(contentsOf: Self.json(of: presence)) } }
        let json = record.finish()
        guard json.count - (presence?.meta?.json.count ?? 0) <= Self.maximumBytes else {
            throw InputError(
                .invalid, at: .pointer("#"),
                "A ticket has at most \(Self.maximumBytes) bytes besides its meta: name fewer topics, or shorter ones.")
        }
        return json
    }

    /// Reads a record; nil if Rollcall did not write it.
    package init?(record: [UInt8]) {
        guard let json = try? JSON(parsing: record), let names = json["topics"]?.elements, !names.isEmpty,
            let caller = Self.caller(of: json)
        else { return nil }
        let word = json["see"]?.string ?? ""
        guard let see = TopicRight.See.allCases.first(where: { $0.word == word }) else { return nil }
        var topics: [Topic] = []
        for name in names {
            guard let topic = name.string.flatMap({ try? Topic($0) }) else { return nil }
            topics.append(topic)
        }
        var presence: TicketPresence?
        if let present = json["present"] {
            presence = TicketPresence(present)
            if presence == nil { return nil }
        }
        self.caller = caller
        self.topics = topics
        isOfManyTopics = json["many"]?.bool == true
        self.see = see
        self.presence = presence
        origin = json["origin"]?.string
    }

    private static func json(of presence: TicketPresence) -> [UInt8] {
        var json = RecordWriter()
        json.text("key", presence.member.key.text)
        json.text("session", presence.member.session.text)
        json.member("grace") { $0.append(decimal: presence.grace) }
        if let meta = presence.meta { json.member("meta") { $0.append(contentsOf: meta.json) } }
        return json.finish()
    }

    private static func caller(of json: JSON) -> Caller? {
        let (end, issuedAt) = (json["until"]?.seconds, json["iat"]?.seconds)
        guard (json["until"] == nil) == (end == nil), (json["iat"] == nil) == (issuedAt == nil) else { return nil }
        let hash = json["hash"]?.string.flatMap { Base64URL.decode($0.utf8) }
        if let hash, let key = json["user"]?.string.flatMap({ Key(utf8: $0.utf8) }) {
            let credential = Caller.Credential.token(key: hash, issuedAt: issuedAt, jti: json["jti"]?.string)
            return Caller(.user(key), rights: Rights(), credential: credential, expiresAt: end)
        }
        if let hash, let id = json["api_key"]?.string {
            return Caller(.apiKey(id), rights: Rights(), credential: .apiKey(id: id, entry: hash), expiresAt: end)
        }
        guard ["user", "api_key", "hash"].allSatisfy({ json[$0] == nil }) else { return nil }
        return Caller(.open, rights: Rights(), expiresAt: end)
    }
}
