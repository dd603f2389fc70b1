// Rollcall · PresenceServerTests

import HTTPTypes
import TestSupport
import Testing

@testable import PresenceServer

@Suite("A large list")
struct LargeListTests {
    @Test func `A large list shows every key, whole and page by page`() async throws {
        try await withServer { server in
            let names = (0...500).map { "user-\($0)" }
            for start in stride(from: 0, to: names.count, by: 300) {
                let operations = names[start..<min(start + 300, names.count)].map {
                    #"{"op":"put","topic":"large","key":"\#($0)","session":"tab","meta":{"name":"\#($0)"}}"#
                }
                let body = #"{"operations":[\#(operations.joined(separator: ","))]}"#
                #expect(try await server.send(.post, "/v1/batch", body).status == 200)
            }
            let whole = try await server.send(.get, "/v1/topics/large/presences").json
            for name in names { #expect(whole["presences"]?[name]?["metas"]?[0]?["name"]?.string == name) }
            let sorted = names.sorted()
            let page = try await server.send(.get, "/v1/topics/large/presences?limit=2&after=\(sorted[5])")
            #expect(page.text.contains(#""presences":{"\#(sorted[6])":{"metas""#))
            #expect(page.text.contains(#"}]},"\#(sorted[7])":{"metas""#))
            #expect(!page.text.contains(sorted[8] + #"":"#))
            #expect(page.header("Link")?.contains("after=\(sorted[7])>") == true)
        }
    }
}
