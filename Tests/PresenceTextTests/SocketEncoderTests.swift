// Rollcall · PresenceTextTests

import NIOCore
import PresenceModel
import PresenceSamples
import PresenceText
import Testing

@Suite("The messages of sockets")
struct SocketEncoderTests {
    private let dashes = "--------------"

    private func enriched(_ fields: EnrichmentFields = .none) throws -> EnrichedRoster {
        let roster = Roster([
            (member: try member("alice"), presence: try presence("r1", #"{"a":1}"#)),
            (member: try member("bob"), presence: try presence("r3", after: "r2")),
        ])
        let cursor = try #require(Cursor("6f1c09d2a7b3e481-17"))
        return EnrichedRoster(topic: try Topic("room:\"1\""), cursor: cursor, roster: roster, fields: fields)
    }

    private func fields() throws -> EnrichmentFields {
        var fields = EnrichmentFields()
        fields.set([("user", Array(#"{"n":1}"#.utf8))], for: try Key("alice"))
        return fields
    }

    /// Alice joins, Bob's meta changes, and Carol leaves.
    private func diff() throws -> Diff {
        let changes = [
            Change(member: try member("carol"), before: try presence("r5"), after: nil, reason: .closed),
            Change(member: try member("alice"), before: nil, after: try presence("r1", #"{"a":1}"#)),
            Change(member: try member("bob"), before: try presence("r2"), after: try presence("r3", after: "r2")),
        ]
        return Diff(changes.compactMap { $0 })
    }

    private func state(_ format: SocketFormat, _ view: View = .full, _ fields: EnrichmentFields = .none) throws
        -> ByteBuffer
    {
        EventEncoder.state(try enriched(fields), format: FrameFormat(view: view, socket: format))
    }

    private func diff(_ format: SocketFormat, _ view: View = .full, _ fields: EnrichmentFields = .none) throws
        -> ByteBuffer
    {
        let format = FrameFormat(view: view, socket: format)
        let frames = EventEncoder.diff(try diff(), to: try enriched(fields), format: format)
        return try #require(frames)
    }

    private func texts(_ frames: ByteBuffer) -> [String] { WebSocketText.texts(in: frames).map { String(buffer: $0) } }

    private var roster: String {
        #"{"alice":{"metas":[{"a":1,"phx_ref":"r1\#(dashes)"}]},"#
            + #""bob":{"metas":[{"phx_ref":"r3\#(dashes)","phx_ref_prev":"r2\#(dashes)"}]}}"#
    }

    private var bob: (joins: String, leaves: String) {
        (
            #""bob":{"metas":[{"phx_ref":"r3\#(dashes)","phx_ref_prev":"r2\#(dashes)"}]}"#,
            #""bob":{"metas":[{"phx_ref":"r2\#(dashes)"}]}"#
        )
    }

    private var changes: String {
        #"{"joins":{"alice":{"metas":[{"a":1,"phx_ref":"r1\#(dashes)"}]},\#(bob.joins)},"#
            + #""leaves":{\#(bob.leaves),"carol":{"metas":[{"phx_ref":"r5\#(dashes)"}]}}"#
    }

    // MARK: Forms

    @Test func `a state as an array is the text behind the join_ref`() throws {
        let rest = try state(SocketFormat(form: .array))
        #expect(String(buffer: rest) == #",null,"room:\"1\"","presence_state",\#(roster)]"#)
        let joinRef = Array(#""3""#.utf8)
        let text = #"["3",null,"room:\"1\"","presence_state",\#(roster)]"#
        #expect(String(buffer: WebSocketText.text(joinRef: joinRef, before: rest)) == text)
        var frame = WebSocketText.head(joinRef: joinRef, before: rest)
        frame.writeImmutableBuffer(rest)
        #expect(texts(frame) == [text])
    }

    @Test func `a state as an object is a whole frame, since it has no join_ref`() throws {
        #expect(
            try texts(state(SocketFormat(form: .object))) == [
                #"{"topic":"room:\"1\"","event":"presence_state","payload":\#(roster),"ref":null}"#
            ])
    }

    @Test func `a diff is a whole frame without refs, so that all sockets share it`() throws {
        #expect(
            try texts(diff(SocketFormat(form: .array))) == [
                #"[null,null,"room:\"1\"","presence_diff",\#(changes)}]"#
            ])
        #expect(
            try texts(diff(SocketFormat(form: .object))) == [
                #"{"topic":"room:\"1\"","event":"presence_diff","payload":\#(changes)},"ref":null}"#
            ])
    }

    @Test func `a stamped diff is the text behind the join_ref`() throws {
        let rest = try diff(SocketFormat(form: .array, stampsDiffs: true))
        #expect(String(buffer: rest) == #",null,"room:\"1\"","presence_diff",\#(changes)}]"#)
        let object = SocketFormat(form: .object, stampsDiffs: true)
        #expect(object == SocketFormat(form: .object))
        #expect(!SocketFormat(form: .array, splitsDiffs: true, stampsDiffs: true).stampsDiffs)
    }

    @Test func `the prefix of supabase stands before the topic`() throws {
        let format = SocketFormat(form: .array, topicPrefix: .realtime)
        #expect(try texts(diff(format))[0].hasPrefix(#"[null,null,"realtime:room:\"1\"","presence_diff","#))
        #expect(try String(buffer: state(format)).hasPrefix(#",null,"realtime:room:\"1\"","presence_state","#))
    }

    // MARK: Options

    @Test func `reasons are there only on request`() throws {
        let text = try texts(diff(SocketFormat(form: .array, showsReasons: true)))[0]
        #expect(text.hasSuffix(#","reasons":{"r5\#(dashes)":"closed"}}]"#))
        #expect(try !texts(diff(SocketFormat(form: .array)))[0].contains("reasons"))
    }

    @Test func `a split diff is a message for each key, and both halves of an update are in one`() throws {
        let split = try texts(diff(SocketFormat(form: .array, splitsDiffs: true)))
        let head = #"[null,null,"room:\"1\"","presence_diff","#
        #expect(
            split == [
                head + #"{"joins":{"alice":{"metas":[{"a":1,"phx_ref":"r1\#(dashes)"}]}},"leaves":{}}]"#,
                head + #"{"joins":{\#(bob.joins)},"leaves":{\#(bob.leaves)}}]"#,
                head + #"{"joins":{},"leaves":{"carol":{"metas":[{"phx_ref":"r5\#(dashes)"}]}}}]"#,
            ])
        #expect(try texts(diff(SocketFormat(form: .object, splitsDiffs: true))).count == 3)
    }

    @Test func `extras stand beside the metas, unless the client cannot read them`() throws {
        let fields = try fields()
        #expect(try texts(state(SocketFormat(form: .object), .full, fields))[0].contains(#"],"user":{"n":1}}"#))
        #expect(try texts(diff(SocketFormat(form: .array), .full, fields))[0].contains(#"],"user":{"n":1}}"#))
        let bare = SocketFormat(form: .object, showsExtras: false)
        #expect(try !texts(state(bare, .full, fields))[0].contains("user"))
        #expect(try !texts(diff(bare, .full, fields))[0].contains("user"))
    }

    @Test func `the keys view has refs only, and the count view numbers`() throws {
        let format = SocketFormat(form: .object)
        #expect(try texts(state(format, .keys))[0].contains(#"{"alice":{"metas":[{"phx_ref":"r1\#(dashes)"}]}"#))
        let counts = #"{"topic":"room:\"1\"","event":"presence_count","payload":{"keys":2,"presences":2},"ref":null}"#
        #expect(try texts(state(format, .count)) == [counts] && texts(diff(format, .count)) == [counts])
        let stamped = SocketFormat(form: .array, stampsDiffs: true)
        #expect(
            try String(buffer: diff(stamped, .count))
                == #",null,"room:\"1\"","presence_count",{"keys":2,"presences":2}]"#)
    }

    @Test func `a diff that changes nothing for its view is no message`() throws {
        let format = FrameFormat(view: .count, socket: SocketFormat(form: .array))
        let change = Change(member: try member("bob"), before: try presence("r2"), after: try presence("r3"))
        let update = Diff([change].compactMap { $0 })
        #expect(!update.isEmpty)
        #expect(try EventEncoder.diff(update, to: enriched(), format: format) == nil)
        let full = FrameFormat(view: .full, socket: SocketFormat(form: .array))
        #expect(try EventEncoder.diff(Diff(), to: enriched(), format: full) == nil)
    }

    @Test func `changed data is a diff with known refs, for clients that show it`() throws {
        let keys = [try Key("bob"), try Key("alice")]
        func change(_ format: SocketFormat, _ view: View = .full) throws -> ByteBuffer? {
            EventEncoder.dataChange(
                of: keys, in: try enriched(try fields()), format: FrameFormat(view: view, socket: format))
        }
        let whole = try change(SocketFormat(form: .array))
        let alice = #""alice":{"metas":[{"a":1,"phx_ref":"r1\#(dashes)"}],"user":{"n":1}}"#
        #expect(
            whole.map(texts) == [
                #"[null,null,"room:\"1\"","presence_diff",{"joins":{\#(alice),\#(bob.joins)},"leaves":{}}]"#
            ])
        let split = try change(SocketFormat(form: .array, showsReasons: true, splitsDiffs: true)).map(texts) ?? []
        #expect(split.count == 2)
        #expect(split.first?.hasSuffix(#"\#(alice)},"leaves":{},"reasons":{}}]"#) == true)
        #expect(try change(SocketFormat(form: .array, showsExtras: false)) == nil)
        #expect(try change(SocketFormat(form: .array), .keys) == nil)
    }

    @Test func `formats share states unless the options of states differ`() throws {
        for view in View.allCases {
            for form in [SocketFormat.Form.object, .array] {
                for showsExtras in [true, false] {
                    let plain = SocketFormat(form: form, topicPrefix: .realtime, showsExtras: showsExtras)
                    let other = SocketFormat(
                        form: form, topicPrefix: .realtime, showsReasons: true, showsExtras: showsExtras,
                        splitsDiffs: true)
                    let shared = FrameFormat(view: view, socket: other).ofStates
                    #expect(shared == FrameFormat(view: view, socket: plain).ofStates)
                    #expect(shared.showsData == (view == .full && showsExtras))
                    let state = EventEncoder.state(try enriched(try fields()), format: shared)
                    #expect(try self.state(plain, view, try fields()) == state)
                    #expect(try self.state(other, view, try fields()) == state)
                }
            }
        }
        #expect(FrameFormat(view: .keys, hasID: false).ofStates == FrameFormat(view: .keys, hasID: false))
    }

    // MARK: Frames

    @Test func `a frame has its length in 7, 16 or 64 bits`() {
        for (count, header) in [
            (0, [0x81, 0]), (125, [0x81, 125]), (126, [0x81, 126, 0, 126]), (65_535, [0x81, 126, 0xFF, 0xFF]),
            (65_536, [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] as [(Int, [UInt8])] {
            let text = [UInt8](repeating: UInt8(ascii: "a"), count: count)
            let frame = WebSocketText.frame(text)
            #expect(Array(frame.readableBytesView.prefix(header.count)) == header)
            #expect(frame.readableBytes == header.count + count)
            #expect(WebSocketText.texts(in: frame).map { Array($0.readableBytesView) } == [text])
        }
    }

    @Test func `a control frame has its length in one byte`() {
        #expect(Array(WebSocketText.control(9, [UInt8]()).readableBytesView) == [0x89, 0])
        #expect(Array(WebSocketText.control(8, [3, 0xF4] as [UInt8]).readableBytesView) == [0x88, 2, 3, 0xF4])
    }

    @Test func `frames behind each other are read one by one`() {
        var frames = WebSocketText.frame(Array("a".utf8))
        frames.writeImmutableBuffer(WebSocketText.frame([]))
        frames.writeImmutableBuffer(WebSocketText.frame(Array(String(repeating: "b", count: 300).utf8)))
        #expect(texts(frames) == ["a", "", String(repeating: "b", count: 300)])
        #expect(texts(ByteBuffer()) == [])
    }
}
