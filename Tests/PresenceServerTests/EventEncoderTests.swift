// Rollcall · PresenceServerTests

import NIOCore
import Presence
import PresenceFeed
import PresenceServer
import Testing

@Suite("The encoder of a feed's events")
struct EventEncoderTests {
    private let encoder = EventEncoder.feed

    private func topic() throws -> Topic { try Topic("room:\"lobby\"") }

    private func roster() throws -> Roster {
        let ref = try #require(Ref(utf8: "AAAAAAAAAAAAAAAA".utf8))
        let meta = Meta(stored: Array(#"{"a":1}"#.utf8))
        let member = Member(key: try Key("alice"), session: try Session("s"))
        return Roster([(member: member, presence: Presence(ref: ref, previous: nil, meta: meta))])
    }

    private func cursor() throws -> Cursor { try #require(Cursor("6f1c09d2a7b3e481-17")) }

    private func enriched(_ roster: Roster, _ extras: EnrichmentFields = .none) throws -> EnrichedRoster {
        EnrichedRoster(topic: try topic(), cursor: try cursor(), roster: roster, extras: extras)
    }

    /// The event of a frame without its chunk framing; checks the length of the chunk.
    private func event(_ frame: ByteBuffer?) throws -> String {
        let text = String(buffer: try #require(frame))
        let end = try #require(text.firstRange(of: "\r\n"))
        let body = text[end.upperBound...].dropLast()
        #expect(text.hasSuffix("\r\n") && Int(text[..<end.lowerBound], radix: 16) == body.utf8.count)
        return String(body)
    }

    @Test func `A state is a comment for people and a presence_state at its cursor`() throws {
        let frame = encoder.state(try enriched(try roster()), FrameFormat(view: .full))
        #expect(
            try event(frame) == """
                : room:"lobby", 1 key, 1 presence

                id: 6f1c09d2a7b3e481-17
                event: presence_state
                data: {"alice":{"metas":[{"a":1,"phx_ref":"AAAAAAAAAAAAAAAA"}]}}


                """)
    }

    @Test func `A state for a stream of many topics is wrapped and has no id`() throws {
        let frame = encoder.state(try enriched(try roster()), FrameFormat(view: .keys, isWrapped: true))
        #expect(
            try event(frame) == """
                event: presence_state
                data: {"topic":"room:\\"lobby\\"","state":{"alice":{"metas":[{"phx_ref":"AAAAAAAAAAAAAAAA"}]}}}


                """)
    }

    @Test func `A diff has joins, leaves and reasons, wrapped beside its topic`() throws {
        let roster = try roster()
        let member = Member(key: try Key("alice"), session: try Session("s"))
        let change = try #require(Change(member: member, before: roster[member], after: nil, reason: .expired))
        let format = FrameFormat(view: .keys, isWrapped: true)
        let frame = encoder.diff(Diff([change]), try enriched(Roster()), format)
        #expect(
            try event(frame) == """
                event: presence_diff
                data: {"topic":"room:\\"lobby\\"","joins":{},"leaves":{"alice":{"metas":[{"phx_ref":"AAAAAAAAAAAAAAAA"}]}},\
                "reasons":{"AAAAAAAAAAAAAAAA":"expired"}}


                """)
    }

    @Test func `A count is sent for a join or a leave, and not for an update`() throws {
        let roster = try roster()
        let member = Member(key: try Key("alice"), session: try Session("s"))
        let next = Presence(ref: .random(), previous: nil, meta: .empty)
        let join = try #require(Change(member: member, before: nil, after: next))
        let update = try #require(Change(member: member, before: roster[member], after: next))
        let format = FrameFormat(view: .count, isWrapped: true)
        let frame = encoder.diff(Diff([join]), try enriched(roster), format)
        #expect(
            try event(frame) == """
                event: presence_count
                data: {"topic":"room:\\"lobby\\"","keys":1,"presences":1}


                """)
        #expect(encoder.diff(Diff([update]), try enriched(roster), format) == nil)
    }

    @Test func `A diff without changes sends only its id, which moves the client's cursor`() throws {
        let frame = encoder.diff(Diff(), try enriched(Roster()), FrameFormat(view: .full))
        #expect(try event(frame) == "id: 6f1c09d2a7b3e481-17\n\n")
    }

    @Test func `Changed data is a diff of known refs without an id, in the full view only`() throws {
        let alice = try Key("alice")
        var extras = EnrichmentFields()
        extras.set([("user", Array(#"{"name":"Alice"}"#.utf8))], for: alice)
        let enriched = try enriched(try roster(), extras)
        let entry = #"{"alice":{"metas":[{"a":1,"phx_ref":"AAAAAAAAAAAAAAAA"}],"user":{"name":"Alice"}}}"#
        #expect(
            try event(encoder.dataChange([alice], enriched, FrameFormat(view: .full))) == """
                event: presence_diff
                data: {"joins":\(entry),"leaves":{},"reasons":{}}


                """)
        #expect(
            try event(encoder.dataChange([alice], enriched, FrameFormat(view: .full, isWrapped: true))) == """
                event: presence_diff
                data: {"topic":"room:\\"lobby\\"","joins":\(entry),"leaves":{},"reasons":{}}


                """)
        #expect(encoder.dataChange([alice], enriched, FrameFormat(view: .keys)) == nil)
        #expect(encoder.dataChange([alice], enriched, FrameFormat(view: .count)) == nil)
    }
}
