// Rollcall · PhoenixSocketTests

import JSONText
import Testing

@testable import PhoenixSocket

@Suite("Messages of clients")
struct ClientMessageTests {
    private func read(_ text: String, _ version: SocketVersion = .v2) throws(SocketError) -> ClientMessage {
        try ClientMessage(.text(Array(text.utf8)), version: version)
    }

    /// The fields of a message in one text.
    private func words(_ message: ClientMessage) -> String {
        let payload =
            switch message.payload {
            case .json(let json): String(decoding: json.compact, as: UTF8.self)
            case .binary(let bytes): "\(bytes)"
            }
        return "\(message.refs.joinRef) \(message.refs.ref) \(message.topic) \(message.event) \(payload)"
    }

    private func code(_ text: String, _ version: SocketVersion) -> CloseCode? {
        do throws(SocketError) {
            _ = try read(text, version)
            return nil
        } catch {
            return error.code
        }
    }

    @Test func `the text of phoenix.js's serializer is read`() throws {
        #expect(try words(read(#"["0","1","t","e",{"foo":1}]"#)) == #""0" "1" t e {"foo":1}"#)
        #expect(
            try words(read(#"["3","3","room:lobby","phx_join",{"name":"Alice"}]"#))
                == #""3" "3" room:lobby phx_join {"name":"Alice"}"#)
        #expect(try words(read(#"[null,"4","phoenix","heartbeat",{}]"#)) == #"null "4" phoenix heartbeat {}"#)
    }

    @Test func `an object of version 1 is read, with and without join_ref`() throws {
        let plain = #"{"topic":"room:lobby","event":"phx_join","payload":{"a":[]},"ref":"1"}"#
        #expect(try words(read(plain, .v1)) == #"null "1" room:lobby phx_join {"a":[]}"#)
        let stamped = #"{"join_ref":"1","ref":"2","topic":"t","event":"e","payload":{},"more":[1]}"#
        #expect(try words(read(stamped, .v1)) == #""1" "2" t e {}"#)
        #expect(try words(read(#"{"topic":"t","event":"e"}"#, .v1)) == "null null t e {}")
    }

    @Test(arguments: [#""1""#, "1", "-0.0", "1e400", "true", "null", #"[1,{"a":null}]"#, #""\u0031""#, #""é""#])
    func `a ref is kept byte for byte, of any JSON`(ref: String) throws {
        let message = try read("[ \(ref) , \(ref) ,\"t\",\"e\",{}]")
        #expect(message.refs.ref.description == ref && message.refs.joinRef == message.refs.ref)
        #expect(message.refs.ref.isNull == (ref == "null"))
    }

    @Test func `refs are equal by their texts`() throws {
        let (text, number) = (try read(#"["3","3","t","e",{}]"#).refs, try read(#"[3,3,"t","e",{}]"#).refs)
        #expect(text.ref != number.ref && text.ref == text.joinRef)
    }

    @Test func `a ref has at most 255 bytes`() throws {
        let most = #""\#(String(repeating: "1", count: 253))""#
        #expect(try read(#"[null,\#(most),"t","e",{}]"#).refs.ref.json.count == 255)
        #expect(code(#"[null,"1\#(most.dropFirst()),"t","e",{}]"#, .v2) == .invalidData)
        #expect(code(#"{"topic":"t","event":"e","join_ref":[\#(most)]}"#, .v1) == .invalidData)
    }

    @Test func `a topic has at most 1,024 bytes, since answers repeat it`() throws {
        let most = String(repeating: "a", count: 1_024)
        #expect(try read(#"[null,null,"\#(most)","e",{}]"#).topic == most)
        #expect(code(#"[null,null,"\#(most)a","e",{}]"#, .v2) == .invalidData)
        #expect(code(#"{"topic":"\#(most)a","event":"e"}"#, .v1) == .invalidData)
    }

    @Test(
        arguments: [
            "", " ", "null", "1", #""text""#, "{}", #"{"topic":"t"}"#, "[]", #"["1","1","t","e"]"#,
            #"["1","1","t","e",{},1]"#, #"["1","1",1,"e",{}]"#, #"["1","1","t",null,{}]"#, #"["1","1","t","e",{}"#,
            #"["1","1","t","e",{}]]"#, #"["1","1","t","e",{"a":}]"#, #"["1","1","\ud800","e",{}]"#, "\u{FEFF}[]",
        ])
    func `a text that is no message is refused with 1007`(text: String) {
        #expect(code(text, .v2) == .invalidData)
        #expect(code(text, .v1) == .invalidData)
    }

    @Test func `each version refuses the form of the other one`() {
        #expect(code(#"["1","1","t","e",{}]"#, .v1) == .invalidData)
        #expect(code(#"{"topic":"t","event":"e","payload":{},"ref":"1"}"#, .v2) == .invalidData)
    }

    @Test func `faults within the payload are no faults of the message`() throws {
        #expect(try words(read(#"["1","1","t","e",{"a":1,"a":2}]"#)) == #""1" "1" t e {"a":1,"a":2}"#)
        #expect(try words(read(#"["1","1","t","e",{"a":"\ud800"}]"#)) == #""1" "1" t e {"a":"\ud800"}"#)
        let deep = String(repeating: "[", count: 5_000) + String(repeating: "]", count: 5_000)
        #expect(try read(#"["1","1","t","e",\#(deep)]"#).event == "e")
    }

    @Test func `bytes that are no UTF-8 are refused`() {
        let bytes = Array(#"["1","1","t","e",{"a":""#.utf8) + [0xC3, 0x28] + Array(#""}]"#.utf8)
        let error = #expect(throws: SocketError.self) { try ClientMessage(.text(bytes), version: .v2) }
        #expect(error?.code == .invalidData)
    }

    @Test func `a message has at most 64 KiB`() throws {
        let frame = #"["1","1","t","e",""]"#
        let most = ClientMessage.maximumBytes - frame.utf8.count
        let text = #"["1","1","t","e","\#(String(repeating: "a", count: most))"]"#
        #expect(try read(text).size == 65_536)
        #expect(code(text + " ", .v2) == .messageTooBig)
        let binary = [UInt8](repeating: 0, count: 65_537)
        let error = #expect(throws: SocketError.self) { try ClientMessage(.binary(binary), version: .v2) }
        #expect(error?.code == .messageTooBig)
    }

    @Test func `a binary push is read on version 2 only, and an empty ref is null`() throws {
        let bytes = [0, 0, 1, 1, 1] + Array("1te".utf8) + [7, 8] as [UInt8]
        #expect(try words(ClientMessage(.binary(bytes), version: .v2)) == #"null "1" t e [7, 8]"#)
        let error = #expect(throws: SocketError.self) { try ClientMessage(.binary(bytes), version: .v1) }
        #expect(error?.code == .unsupportedData)
    }

    @Test func `the ref of a binary message equals that of a text`() throws {
        let bytes = [0, 1, 1, 1, 1] + Array("33te".utf8) as [UInt8]
        let binary = try ClientMessage(.binary(bytes), version: .v2)
        let text = try read(#"["3","3","t","e",{}]"#)
        #expect(binary.refs == text.refs)
    }
}
