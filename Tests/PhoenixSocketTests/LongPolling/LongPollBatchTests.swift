// Rollcall · PhoenixSocketTests

import JSONText
import NIOCore
import Testing

@testable import PhoenixSocket

@Suite("Batches and answers of long polls")
struct LongPollBatchTests {
    private func frames(_ body: String, hasLines: Bool = true) throws -> [String] {
        try LongPollBatch(Array(body.utf8), hasLines: hasLines).frames.map { frame in
            switch frame {
            case .text(let text): String(decoding: text, as: UTF8.self)
            case .binary(let bytes): "\(bytes)"
            }
        }
    }

    @Test func `each line is a message, and a binary one is base64`() throws {
        let join = #"["1","1","t","phx_join",{}]"#
        // The bytes 0 1 1 1 1 "01te" 1, as `btoa` writes them.
        #expect(
            try frames("\(join)\nAAEBAQEwMXRlAQ==\r\n\n{\"v\":1}\n")
                == [join, "[0, 1, 1, 1, 1, 48, 49, 116, 101, 1]", #"{"v":1}"#])
        #expect(try frames("") == [] && frames("\n\r\n") == [])
    }

    @Test func `a body of another type is one message`() throws {
        let body = "{\"topic\":\"t\"}\n[1]"
        #expect(try frames(body, hasLines: false) == [body])
    }

    @Test func `a batch has 100 messages, and more are ignored`() throws {
        let body = (1...150).map { "[\($0)]" }.joined(separator: "\n")
        let read = try frames(body)
        #expect(read.count == 100 && read.last == "[100]")
        #expect(try frames((1...100).map { "[\($0)]" }.joined(separator: "\n") + "\n").count == 100)
    }

    @Test(arguments: ["x", "hello world", "ü", "[1]\nA"])
    func `a line that is neither JSON nor base64 is refused`(body: String) {
        let error = #expect(throws: SocketError.self) { try LongPollBatch(Array(body.utf8), hasLines: true) }
        #expect(error?.code == .invalidData)
    }

    @Test func `an answer has its status, and with a session its token and messages`() throws {
        func text(_ answer: LongPollAnswer) -> String { String(decoding: answer.json, as: UTF8.self) }
        #expect(text(LongPollAnswer(.ok)) == #"{"status":200}"#)
        #expect(text(LongPollAnswer(.forbidden)) == #"{"status":403}"#)
        #expect(text(LongPollAnswer(.timeout)) == #"{"status":408}"#)
        #expect(text(LongPollAnswer(.gone)) == #"{"status":410}"#)
        #expect(text(LongPollAnswer(.failed)) == #"{"status":500}"#)
        #expect(text(LongPollAnswer(.gone, token: "lp_a.b")) == #"{"status":410,"token":"lp_a.b","messages":[]}"#)
        #expect(text(LongPollAnswer(.noContent, token: "t")) == #"{"status":204,"token":"t","messages":[]}"#)
        let messages = [#"["1",null,"ü\n","e",{"a":"\""}]"#, "[2]"]
        let answer = LongPollAnswer(.ok, token: "t", messages: messages.map { ByteBuffer(string: $0) })
        let json = try JSON(parsing: answer.json)
        #expect(json["messages"]?.elements?.compactMap(\.string) == messages)
        #expect(json["status"]?.int == 200 && json["token"]?.string == "t")
    }
}
