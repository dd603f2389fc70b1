// Rollcall · AccessTests

import Testing

@testable import Access

@Suite("Patterns of names")
struct NamePatternsTests {
    private let patterns: NamePatterns<Int> = {
        var patterns = NamePatterns<Int>()
        patterns.set(1, forPrefix: "room:")
        patterns.set(2, forPrefix: "room:vip:")
        patterns.set(3, for: "room:vip:1")
        patterns.set(4, for: "lobby*")
        return patterns
    }()

    @Test(arguments: [
        ("room:1", 1), ("room:vip:2", 2), ("room:vip:1", 3), ("room:", 1), ("lobby*", 4), ("lobby", nil),
        ("lobby*1", nil),
        ("Room:1", nil), ("", nil),
    ])
    func `an exact name beats each prefix, and a longer prefix a shorter one`(name: String, value: Int?) {
        #expect(patterns.value(of: name) == value)
    }

    @Test func `names are compared as bytes`() {
        var patterns = NamePatterns<Int>()
        patterns.set(1, for: "caf\u{E9}")
        patterns.set(2, forPrefix: "\u{E9}")
        #expect(patterns.value(of: "cafe\u{301}") == nil)
        #expect(patterns.value(of: "e\u{301}") == nil)
        #expect(patterns.value(of: "\u{E9}t\u{E9}") == 2)
    }

    @Test func `the value of all names with a prefix is that of the prefix that covers them`() {
        #expect(patterns.value(ofAll: "room:") == 1)
        #expect(patterns.value(ofAll: "room:vip:") == 2)
        #expect(patterns.value(ofAll: "roo") == nil)
        #expect(patterns.value(ofAll: "lobby*") == nil, "an exact name covers no prefix")
        #expect(patterns.hasOthers(within: "room:") && patterns.hasOthers(within: "room:vip:"))
        #expect(!patterns.hasOthers(within: "room:a"))
    }
}
