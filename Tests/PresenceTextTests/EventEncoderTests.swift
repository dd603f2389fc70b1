// Rollcall · PresenceTextTests

import NIOCore
import PresenceModel
import PresenceText
import Testing

@Suite("The encoder of a feed's events")
struct EventEncoderTests {
    private func topic() throws -> Topic { try Topic("room:\"lobby\"") }

    private func roster() throws -> Roster {
        let ref = try #require(Ref(utf8: "AAAAAAAAAAAAAAAA".utf8))
        let meta = Meta(stored: Array(#"{"a":1}"#.utf8))
        let member = Member(key: try Key("alice"), session: try Session("s"))
        return Roster([(member: member, presence: Presence(ref: ref, previous: nil, meta: meta))])
    }

    private func cursor() throws -> Cursor { try #require(Cursor("6f1c09d2a7b3e481-17")) }

    private func enriched(_ roster: Roster, _ fields: EnrichmentFields = .none) throws -> EnrichedRoster {
        EnrichedRoster(topic: try topic(), cursor: try cursor(), roster: roster, fields: fields)
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
        let frame = EventEncoder.state(try enriched(try roster()), format: FrameFormat(view: .full))
        #expect(
            try event(frame) == """
                : room:"lobby", 1 key, 1 presence

                id: 6f1c09d2a7b3e481-17
                event: presence_state
                data: {"alice":{"metas":[{"a":1,"phx_ref":"AAAAAAAAAAAAAAAA"}]}}


                """)
    }

    @Test func `A state for a stream of many topics is wrapped and has no id`() throws {
        let frame = EventEncoder.state(try enriched(try roster()), format: FrameFormat(view: .keys, isWrapped: true))
        #expect(
            try event(frame) == """
                event: presence_state
                data: {"topic":"room:\\"lobby\\"","state":{"alice":{"metas":[{"phx_ref":"AAAAAAAAAAAAAAAA"}]}}}


                """)
    }

    @Test func `A frame for a stream with ids of its own begins with the event, so that its id line may stand before`()
        throws
    {
        let format = FrameFormat(view: .keys, hasID: false)
        let enriched = try enriched(try roster())
        #expect(
            try event(EventEncoder.state(enriched, format: format)) == """
                event: presence_state
                data: {"alice":{"metas":[{"phx_ref":"AAAAAAAAAAAAAAAA"}]}}


                """)
        let member = Member(key: try Key("alice"), session: try Session("s"))
        let join = try #require(Change(member: member, before: nil, after: try roster()[member]))
        let diff = try event(EventEncoder.diff(Diff([join]), to: enriched, format: format))
        #expect(diff.hasPrefix("event: presence_diff\n"))
        #expect(EventEncoder.diff(Diff(), to: enriched, format: format) == nil)
        #expect(!FrameFormat(view: .keys, isWrapped: true, hasID: true).hasID)
    }

    @Test func `A diff has joins, leaves and reasons, wrapped beside its topic`() throws {
        let roster = try roster()
        let member = Member(key: try Key("alice"), session: try Session("s"))
        let change = try #require(Change(member: member, before: roster[member], after: nil, reason: .expired))
        let format = FrameFormat(view: .keys, isWrapped: true)
        let frame = EventEncoder.diff(Diff([change]), to: try enriched(Roster()), format: format)
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
        let frame = EventEncoder.diff(Diff([join]), to: try enriched(roster), format: format)
        #expect(
            try event(frame) == """
                event: presence_count
                data: {"topic":"room:\\"lobby\\"","keys":1,"presences":1}


                """)
        #expect(EventEncoder.diff(Diff([update]), to: try enriched(roster), format: format) == nil)
    }

    @Test func `A diff without changes sends only its id, which moves the client's cursor`() throws {
        let frame = EventEncoder.diff(Diff(), to: try enriched(Roster()), format: FrameFormat(view: .full))
        #expect(try event(frame) == "id: 6f1c09d2a7b3e481-17\n\n")
    }

    @Test func `Changed data is a diff of known refs without an id, in the full view only`() throws {
        let alice = try Key("alice")
        var fields = EnrichmentFields()
        fields.set([("user", Array(#"{"name":"Alice"}"#.utf8))], for: alice)
        let enriched = try enriched(try roster(), fields)
        let entry = #"{"alice":{"metas":[{"a":1,"phx_ref":"AAAAAAAAAAAAAAAA"}],"user":{"name":"Alice"}}}"#
        #expect(
            try event(EventEncoder.dataChange(of: [alice], in: enriched, format: FrameFormat(view: .full))) == """
                event: presence_diff
                data: {"joins":\(entry),"leaves":{},"reasons":{}}


                """)
        let wrapped = FrameFormat(view: .full, isWrapped: true)
        #expect(
            try event(EventEncoder.dataChange(of: [alice], in: enriched, format: wrapped)) == """
                event: presence_diff
                data: {"topic":"room:\\"lobby\\"","joins":\(entry),"leaves":{},"reasons":{}}


                """)
        #expect(EventEncoder.dataChange(of: [alice], in: enriched, format: FrameFormat(view: .keys)) == nil)
        #expect(EventEncoder.dataChange(of: [alice], in: enriched, format: FrameFormat(view: .count)) == nil)
    }
}
