// Rollcall · PresenceServer

import Access
import Basics
import HTTPTypes
import Hummingbird
import PresenceModel
import PresenceStore

/// The answer to a track, an update and a heartbeat: the presence, the end of its lease, and when to renew it.
struct ReceiptBody {
    let topic: Topic
    let member: Member
    let receipt: Receipt
    /// Whether the caller may see the position of the topic, which changes with every presence on it.
    private let showsCursor: Bool

    init(topic: Topic, member: Member, receipt: Receipt, to caller: Caller) {
        self.topic = topic
        self.member = member
        self.receipt = receipt
        showsCursor = caller.seesPosition(of: topic)
    }

    func write(to json: inout JSONObjectWriter) {
        json.string("topic", self.topic.text)
        json.string("key", self.member.key.text)
        json.string("session", self.member.session.text)
        json.string("phx_ref", self.receipt.ref.text)
        json.int("ttl", self.receipt.ttl)
        json.time("expires_at", self.receipt.expiresAt)
        // A third of the ttl is left then, for a heartbeat that is late or has to be repeated.
        json.time("renew_before", max(self.receipt.now, self.receipt.expiresAt - Int64(self.receipt.ttl) * 1000 / 3))
        if self.showsCursor { json.string("cursor", self.receipt.cursor.description) }
    }

    func response(_ status: HTTPResponse.Status, meta: Meta? = nil) -> Response {
        var json = JSONObjectWriter()
        self.write(to: &json)
        if let meta { json.raw("meta") { $0.append(contentsOf: meta.shown) } }
        var response = Response.json(json.finish(), status: status)
        response.headers[.eTag] = EntityTag.of(self.receipt.ref)
        response.headers[.cacheControl] = "no-store"
        if status == .created { response.headers[.location] = Self.location(of: self.member, on: self.topic) }
        return response
    }

    /// The address of a presence, percent-encoded.
    static func location(of member: Member, on topic: Topic) -> String {
        let key = PercentEncoding.encode(member.key.text)
        return "/v1/topics/\(PercentEncoding.encode(topic.text))/presences/\(key)/\(member.session)"
    }
}
