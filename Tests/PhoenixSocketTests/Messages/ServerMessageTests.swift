// Rollcall · PhoenixSocketTests

import JSONText
import PresenceModel
import Testing

@testable import PhoenixSocket

@Suite("Messages for clients")
struct ServerMessageTests {
    private let refs = MessageRefs(joinRef: MessageRef(text: "3"), ref: MessageRef(text: "9"))

    private func text(_ message: ServerMessage, _ version: SocketVersion = .v2) -> String {
        String(decoding: message.text(version), as: UTF8.self)
    }

    @Test func `an answer is phx_reply with a status and a response`() throws {
        let ok = ServerMessage.ok(refs, topic: "room:lobby")
        #expect(text(ok) == #"["3","9","room:lobby","phx_reply",{"status":"ok","response":{}}]"#)
        #expect(
            text(ok, .v1)
                == #"{"topic":"room:lobby","event":"phx_reply","payload":{"status":"ok","response":{}},"ref":"9"}"#)
        let ref = try #require(Ref(utf8: "AAAAAAAAAAAAAAAA".utf8))
        #expect(
            text(.ok(refs, topic: "t", ref: ref))
                == #"["3","9","t","phx_reply",{"status":"ok","response":{"phx_ref":"AAAAAAAAAAAAAAAA"}}]"#)
    }

    @Test func `a refusal has its reason, and may have a detail`() {
        #expect(
            text(.error(refs, topic: "t", reason: "unauthorized"))
                == #"["3","9","t","phx_reply",{"status":"error","response":{"reason":"unauthorized"}}]"#)
        #expect(
            text(.error(refs, topic: "t", reason: "a\"b", detail: "c\n"))
                == #"["3","9","t","phx_reply",{"status":"error","response":{"reason":"a\"b","detail":"c\n"}}]"#)
    }

    @Test func `the end of a channel has the join_ref as its ref too, so that clients of version 1 can compare it`() {
        let close = ServerMessage.close(topic: "t", joinRef: refs.joinRef)
        #expect(text(close) == #"["3","3","t","phx_close",{}]"#)
        #expect(text(close, .v1) == #"{"topic":"t","event":"phx_close","payload":{},"ref":"3"}"#)
        let failure = ServerMessage.failure(topic: "t", joinRef: refs.joinRef, reason: "x")
        #expect(text(failure) == #"["3","3","t","phx_error",{"reason":"x"}]"#)
    }

    @Test func `a push answers nothing`() {
        let push = ServerMessage.push(topic: "t", joinRef: refs.joinRef, event: "expiring", payload: Array("{}".utf8))
        #expect(text(push) == #"["3",null,"t","expiring",{}]"#)
        #expect(text(push, .v1) == #"{"topic":"t","event":"expiring","payload":{},"ref":null}"#)
    }

    @Test func `a topic is written as JSON`() {
        let message = ServerMessage.ok(refs, topic: "a\"\u{2028}\\")
        #expect(text(message) == #"["3","9","a\"\u2028\\","phx_reply",{"status":"ok","response":{}}]"#)
        #expect((try? JSON(parsing: message.text(.v1)))?["topic"]?.string == "a\"\u{2028}\\")
    }
}
