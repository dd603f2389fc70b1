// Rollcall · AccessTests

import JSONText
import PresenceModel
import Testing

@testable import Access

@Suite("What a caller may do")
struct CallerTests {
    private let alice: Key
    private let bob: Key

    init() throws {
        alice = try Key("alice")
        bob = try Key("bob")
    }

    @Test func `a user tracks under its own key only`() throws {
        let user = try user(#"{"topics":{"a":["track"],"b":["see"]}}"#)
        #expect(try user.writer(on: Topic("a")) == .own(alice))
        #expect(throws: Refusal.forbidden(MissingRight("track", .topic("b")))) { try user.writer(on: Topic("b")) }
        #expect(throws: Never.self) { try user.requireWriting(alice, on: Topic("a")) }
        #expect(throws: Refusal.forbidden(MissingRight("track:any", .topic("a")))) {
            try user.requireWriting(bob, on: Topic("a"))
        }
    }

    @Test func `an API key tracks under every key, or under none`() throws {
        let backend = try backend(#"{"topics":{"a":["track:any"],"b":["track"]}}"#)
        #expect(try backend.writer(on: Topic("a")) == .anyKey)
        #expect(throws: Refusal.forbidden(MissingRight("track:any", .topic("b")))) {
            try backend.writer(on: Topic("b"))
        }
    }

    @Test(arguments: TopicRight.See.allCases, [nil] + TopicRight.See.allCases.dropFirst().map { $0 })
    func `a view above the right is refused, and without one the most is given`(
        right: TopicRight.See, wanted: TopicRight.See?
    ) throws {
        let user = try user(#"{"topics":{"a":["\#(right.word)"]}}"#.replacing(#"[""]"#, with: "[]"))
        let topic = try Topic("a")
        if let wanted, wanted > right {
            #expect(throws: Refusal.forbidden(MissingRight(wanted.word, .topic("a")))) {
                try user.view(of: topic, wanted: wanted)
            }
        } else if right == .nothing {
            #expect(throws: Refusal.forbidden(MissingRight("see:count", .topic("a")))) {
                try user.view(of: topic, wanted: wanted)
            }
        } else {
            #expect(try user.view(of: topic, wanted: wanted) == wanted ?? right)
        }
        #expect(user.seesPosition(of: topic) == (right >= .count))
    }

    @Test func `an entry needs see:keys, and one's own only track`() throws {
        let user = try user(#"{"topics":{"a":["track","see:count"],"b":["see:keys"],"c":["see"]}}"#)
        #expect(try user.view(of: alice, on: Topic("a")) == .full)
        #expect(throws: Refusal.forbidden(MissingRight("see:keys", .topic("a")))) {
            try user.view(of: bob, on: Topic("a"))
        }
        #expect(try user.view(of: bob, on: Topic("b")) == .keys)
        #expect(try user.view(of: bob, on: Topic("c")) == .full)
        let backend = try backend(#"{"topics":{"a":["track:any"]}}"#)
        #expect(throws: Refusal.self) { try backend.view(of: alice, on: Topic("a")) }
    }

    @Test func `a list of topics needs a prefix that one right covers, and leaves out topics with less`() throws {
        let text = #"{"topic_prefixes":{"room:":["see:count"],"room:secret:":[]},"topics":{"room:staff":["track"]}}"#
        let user = try user(text)
        let filter = try user.topics(withPrefix: "room:")
        #expect(!filter.isWhole)
        #expect(try filter.shows(Topic("room:1")))
        #expect(try !filter.shows(Topic("room:secret:1")) && !filter.shows(Topic("room:staff")))
        #expect(try user.topics(withPrefix: "room:a").isWhole)
        for prefix in ["", "roo", "room:secret:", "x"] {
            #expect(throws: Refusal.forbidden(MissingRight("see:count", .topicPrefix(prefix)))) {
                try user.topics(withPrefix: prefix)
            }
        }
    }

    @Test func `an open node grants all but the rights of operators`() throws {
        let topic = try Topic("a")
        #expect(try Caller.open.writer(on: topic) == .anyKey)
        #expect(try Caller.open.view(of: topic, wanted: nil) == .full)
        #expect(try Caller.open.view(of: alice, on: topic) == .full)
        #expect(try Caller.open.topics(withPrefix: "").isWhole)
        for right in ServiceRight.allCases {
            let isGranted = (try? Caller.open.require(right)) != nil
            #expect(isGranted == ![.operate, .revoke, .remove].contains(right))
        }
    }

    @Test func `metrics and checks are for the right operate, and for callers of an open node`() throws {
        #expect(Caller.open.readsAsOperator && !Caller.withoutRights.readsAsOperator)
        #expect(try backend(#"{"service":["operate"]}"#).readsAsOperator)
        let other = try backend(#"{"topic_prefixes":{"":["track:any","see"]},"service":["enrich"]}"#)
        #expect(throws: Refusal.forbidden(MissingRight("operate", .service))) { try other.requireReadingAsOperator() }
        #expect(throws: Never.self) { try Caller.open.requireReadingAsOperator() }
    }

    private func user(_ rights: String) throws -> Caller {
        Caller(.user(alice), rights: try Rights(JSON(parsing: rights), of: .token))
    }

    private func backend(_ rights: String) throws -> Caller {
        Caller(.apiKey("backend1"), rights: try Rights(JSON(parsing: rights), of: .apiKey))
    }
}
