// Rollcall · PresenceTests

import Testing

@testable import Presence

@Suite("Limits")
struct LimitsTests {
    @Test("Without settings the limits are those of the contract")
    func defaults() {
        let limits = Limits()
        #expect(limits.metaBytes == 4096 && limits.ttl == 5...300 && limits.defaultTTL == 30)
        #expect(limits.grace == 0...60 && limits.defaultGrace == 5 && limits.batchOperations == 500)
    }

    @Test("A ttl is whole seconds within its bounds", arguments: [("5", 5), ("300", 300), ("30.0", 30)])
    func ttl(source: String, seconds: Int) throws {
        #expect(try Limits().ttl(JSON(parsing: source)) == seconds)
    }

    @Test(
        "Any other ttl is refused, naming the field and the bounds",
        arguments: ["4", "301", "0", "-5", "1000000000", "1e400", "5.5", #""30""#, "null", "true", "[]"])
    func badTTL(source: String) {
        let detail = "A ttl is a whole number of seconds from 5 to 300."
        #expect(throws: PresenceError(.invalid, at: .pointer("#/ttl"), detail)) {
            try Limits().ttl(JSON(parsing: source))
        }
    }

    @Test("A grace is whole seconds within its bounds", arguments: [("0", 0), ("5", 5), ("60", 60)])
    func grace(text: String, seconds: Int) throws {
        #expect(try Limits().grace(text) == seconds)
    }

    @Test(
        "Any other grace is refused: malformed if it is no number, invalid if it is none of ours",
        arguments: [
            ("", .malformed), ("abc", .malformed), ("-1", .malformed), ("5.0", .malformed), ("٣", .malformed),
            ("61", .invalid), ("007", .invalid), ("99999999999999999999", .invalid),
        ] as [(String, PresenceError.Code)])
    func badGrace(text: String, code: PresenceError.Code) {
        let detail = "A grace is a whole number of seconds from 0 to 60."
        #expect(throws: PresenceError(code, at: .parameter("grace"), detail)) { try Limits().grace(text) }
    }

    @Test("Settings move the bounds")
    func settings() throws {
        let limits = Limits(ttl: 1...2, grace: 0...1)
        #expect(try limits.ttl(JSON(parsing: "1")) == 1)
        #expect(throws: PresenceError.self) { try limits.ttl(JSON(parsing: "5")) }
        #expect(throws: PresenceError.self) { try limits.grace("2") }
    }
}
