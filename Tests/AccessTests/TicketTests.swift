// Rollcall · AccessTests

import AccessSamples
import Basics
import JSONText
import PresenceModel
import Testing

@testable import Access

@Suite("Tickets")
struct TicketTests {
    private let now = 1_800_000_000.0
    private let lobby: Topic

    init() throws { lobby = try Topic("lobby") }

    private func ticket(
        of caller: Caller = .open, topics: [Topic]? = nil, isOfManyTopics: Bool = false, see: TopicRight.See = .full,
        presence: TicketPresence? = nil, origin: String? = nil
    ) -> Ticket {
        Ticket(
            of: caller, at: now, topics: topics ?? [lobby], isOfManyTopics: isOfManyTopics, see: see,
            presence: presence, origin: origin)
    }

    private func userCredentials(secret: String = SampleToken.secret) async throws -> Credentials {
        var keys = Credentials.Keys()
        keys.tokenKeys = try await TokenKeys(secret: secret)
        return Credentials(keys, isOpen: false)
    }

    private func user(lifetime: Double = 600) async throws -> Caller {
        let token = SampleToken.hs256(SampleToken.payload(lifetime: lifetime, from: now))
        return try await userCredentials().caller(authorization: "Bearer \(token)", at: now)
    }

    private func backendCredentials(_ key: (id: String, text: String), rights: String) throws -> Credentials {
        var keys = Credentials.Keys()
        keys.apiKeys = try APIKeys(
            JSON(parsing: #"[{"id":"\#(key.id)","sha256":"\#(APIKey.sha256(of: key.text))",\#(rights)}]"#))
        return Credentials(keys, isOpen: false)
    }

    // MARK: The text

    @Test func `a ticket has 256 random bits, and its name shows nothing of them`() {
        let tickets = (0..<100).map { _ in Ticket.draw() }
        #expect(Set(tickets.map(\.text)).count == 100)
        for (text, name) in tickets {
            #expect(Base64URL.decode(text.utf8)?.count == 32 && Base64URL.decode(name.utf8)?.count == 32)
            #expect(Ticket.name(of: text) == name && name != text)
        }
        #expect(Ticket.name(of: String(repeating: "A", count: 43)) == "DwBzhbb51LfusnSGBa_hqYSgo7-j8BTQnip4TOnlzRo")
    }

    @Test(arguments: ["", "abc", String(repeating: "A", count: 42), String(repeating: "A", count: 44)])
    func `a text of another length is no ticket`(text: String) {
        #expect(Ticket.name(of: text) == nil)
    }

    @Test func `a text with other characters is no ticket`() {
        for last in ["=", "+", "B", "ü"] {
            #expect(Ticket.name(of: String(repeating: "A", count: 42) + last) == nil, "\(last)")
        }
    }

    // MARK: The record

    @Test func `a record is read as it was written`() async throws {
        let key = APIKey.draw()
        let backend = try backendCredentials(key, rights: #""topic_prefixes":{"":["see"]}"#)
            .caller(authorization: "Bearer \(key.text)", at: now)
        let meta = Meta(stored: Array(#"{"n":1e400,"text":"ü\"","list":[]}"#.utf8))
        let member = Member(key: try Key("al\"ice"), session: try Session("tab-1"))
        for caller in [Caller.open, backend, try await user()] {
            let written = ticket(
                of: caller, topics: [try Topic("room:\"1\""), lobby], isOfManyTopics: true, see: .keys,
                presence: TicketPresence(member: member, meta: meta, grace: 7), origin: "https://app.example")
            let read = try #require(Ticket(record: try written.record()))
            #expect(read.topics == written.topics && read.isOfManyTopics && read.see == .keys)
            #expect(read.presence?.member == member && read.presence?.meta == meta && read.presence?.grace == 7)
            #expect(read.origin == "https://app.example")
            #expect(read.caller.identity == caller.identity && read.caller.credential == caller.credential)
            #expect(read.caller.expiresAt == caller.expiresAt)
            #expect(read.caller.rights.topics.isEmpty && read.caller.rights.service.isEmpty)
        }
        let least = try #require(Ticket(record: try ticket(see: .nothing).record()))
        #expect(least.see == .nothing && least.presence == nil && least.origin == nil && !least.isOfManyTopics)
    }

    @Test func `a record has at most 1 KiB, the meta not counted`() throws {
        let meta = Meta(stored: Array(#"{"text":"\#(String(repeating: "a", count: 4000))"}"#.utf8))
        let member = Member(key: try Key("alice"), session: try Session("s"))
        let long = ticket(presence: TicketPresence(member: member, meta: meta, grace: 5))
        #expect(try long.record().count > 4000)
        let topics = try (0..<50).map { try Topic("room:\($0)" + String(repeating: "x", count: 40)) }
        let error = #expect(throws: InputError.self) { try ticket(topics: topics, isOfManyTopics: true).record() }
        #expect(error?.code == .invalid && error?.detail.contains("1024 bytes") == true)
    }

    @Test(arguments: [
        "", "{}", "[]", #"{"topics":[]}"#, #"{"topics":[1]}"#, #"{"topics":["a"],"see":"all"}"#,
        #"{"topics":["a"],"user":"alice","hash":"?"}"#, #"{"topics":["a"],"hash":"AAAA"}"#,
        #"{"topics":["a"],"until":"never"}"#, #"{"topics":["a"],"present":{}}"#,
    ])
    func `a record that Rollcall did not write is none`(text: String) {
        #expect(Ticket(record: Array(text.utf8)) == nil)
    }

    // MARK: Use

    @Test func `a ticket of a page is for its origin, and for requests without one`() throws {
        let ticket = ticket(origin: "https://app.example")
        for origin in [nil, "https://app.example"] {
            #expect(throws: Never.self) { try ticket.check(origin: origin, by: .open, at: now) }
        }
        for origin in ["https://other.example", "http://app.example", "null", ""] {
            #expect(throws: Refusal.ticket("is for a page of another origin")) {
                try ticket.check(origin: origin, by: .open, at: now)
            }
        }
        #expect(throws: Never.self) { try self.ticket().check(origin: "https://any.example", by: .open, at: now) }
    }

    @Test func `a ticket ends with the token that got it`() async throws {
        let credentials = try await userCredentials()
        let ticket = ticket(of: try await user(lifetime: 600))
        #expect(throws: Never.self) { try ticket.check(origin: nil, by: credentials, at: now + 599) }
        #expect(throws: Refusal.ticket("has ended with its credential")) {
            try ticket.check(origin: nil, by: credentials, at: now + 600)
        }
        let late = self.ticket(of: try await user(lifetime: -10))
        #expect(throws: Never.self) { try late.check(origin: nil, by: credentials, at: now + 19) }
    }

    @Test func `a ticket ends when its key is retired, and when the entry of an API key changes`() async throws {
        let retired = Refusal.ticket("is of a credential that was retired")
        let ofUser = ticket(of: try await user())
        let others = try await userCredentials(secret: "another secret, also of 32 bytes or more")
        #expect(throws: retired) { try ofUser.check(origin: nil, by: others, at: now) }

        let key = APIKey.draw()
        let credentials = try backendCredentials(key, rights: #""topic_prefixes":{"":["see"]}"#)
        let ofBackend = ticket(of: try credentials.caller(authorization: "Bearer \(key.text)", at: now))
        #expect(throws: Never.self) { try ofBackend.check(origin: nil, by: credentials, at: now) }
        let changed = try backendCredentials(key, rights: #""topic_prefixes":{"":["see:count"]}"#)
        #expect(throws: retired) { try ofBackend.check(origin: nil, by: changed, at: now) }
    }

    @Test func `a ticket of an open node opens nothing on a node that is not open`() async throws {
        let closed = try await userCredentials()
        #expect(throws: Never.self) { try ticket().check(origin: nil, by: .open, at: now) }
        #expect(throws: Refusal.self) { try ticket().check(origin: nil, by: closed, at: now) }
    }
}
