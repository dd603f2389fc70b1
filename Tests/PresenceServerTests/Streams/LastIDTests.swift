// Rollcall · PresenceServerTests

import HTTPTypes
import Hummingbird
import NIOCore
import PresenceModel
import Testing

@testable import PresenceServer

@Suite("The last id of a client")
struct LastIDTests {
    private let one = Cursor(epoch: .random(), seq: 17)
    private let other = Cursor(epoch: .random(), seq: 3)

    private func lastID(_ query: String = "", header: String? = nil) throws -> LastID {
        var fields: HTTPFields = [:]
        if let header { fields[.lastEventID] = header }
        let head = HTTPRequest(method: .get, scheme: nil, authority: nil, path: "/", headerFields: fields)
        return try LastID(
            of: Request(head: head, body: RequestBody(buffer: ByteBuffer())), try QueryParameters(query))
    }

    @Test func `an id is read as it was written, with its tag and without`() throws {
        for cursors in [[one], [one, other], [.empty]] {
            for tag in [nil, "k2nA0tQmB4x_w9Lp"] {
                let read = try lastID(header: LastID.text(cursors, tag: tag))
                #expect(read.cursors(count: cursors.count) == cursors && read.tag == tag)
                #expect(read.cursors(count: 3) == [.empty, .empty, .empty])
            }
        }
        #expect(LastID.text([one, .empty], tag: "tag") == "\(one),0-0.tag")
    }

    @Test func `the header wins over the names of polyfills, and these over since`() throws {
        let query = "since=0-0.c&lastEventId=\(one).b"
        #expect(try lastID(query, header: "\(other).a").tag == "a")
        #expect(try lastID(query, header: "").cursors(count: 1) == [one])
        #expect(try lastID(query).tag == "b")
        #expect(try lastID("since=\(other)").cursors(count: 1) == [other])
        #expect(try lastID().cursors(count: 1) == [.empty] && lastID().tag == nil)
    }

    @Test(arguments: ["", ".", "garbage", "garbage.tag", "0-0,0-0", "..", "a.b.c"])
    func `a text that is no id has no cursor, and is no error`(text: String) throws {
        #expect(try lastID(header: text).cursors(count: 1) == [.empty])
    }
}
