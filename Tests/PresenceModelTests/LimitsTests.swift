// Rollcall · PresenceModelTests

import Basics
import JSONText
import Testing

@testable import PresenceModel

@Suite("Limits")
struct LimitsTests {
    @Test func `Without settings the limits are those of the contract`() {
        let limits = Limits()
        #expect(limits.maximumMetaBytes == 4096 && limits.ttl == 5...300 && limits.defaultTTL == 30)
        #expect(limits.grace == 0...60 && limits.defaultGrace == 5 && limits.batchOperations == 500)
    }

    @Test(arguments: [("5", 5), ("300", 300), ("30.0", 30)])
    func `A ttl is whole seconds within its bounds`(source: String, seconds: Int) throws {
        #expect(try Limits().ttl(JSON(parsing: source)) == seconds)
    }

    @Test(
        arguments: ["4", "301", "0", "-5", "1000000000", "1e400", "5.5", #""30""#, "null", "true", "[]"])
    func `Any other ttl is refused, naming the field and the bounds`(source: String) {
        let detail = "A ttl is a whole number of seconds from 5 to 300."
        #expect(throws: InputError(.invalid, at: .pointer("#/ttl"), detail)) {
            try Limits().ttl(JSON(parsing: source))
        }
    }

    @Test(arguments: [("0", 0), ("5", 5), ("60", 60)])
    func `A grace is whole seconds within its bounds`(text: String, seconds: Int) throws {
        #expect(try Limits().grace(text) == seconds)
    }

    @Test(
        arguments: [
            ("", .malformed), ("abc", .malformed), ("-1", .malformed), ("5.0", .malformed), ("٣", .malformed),
            ("61", .invalid), ("007", .invalid), ("99999999999999999999", .invalid),
        ] as [(String, InputError.Code)])
    func `Any other grace is refused: malformed if it is not all digits, else invalid`(
        text: String, code: InputError.Code
    ) {
        let detail = "A grace is a whole number of seconds from 0 to 60."
        #expect(throws: InputError(code, at: .parameter("grace"), detail)) { try Limits().grace(text) }
    }

    @Test func `Settings change the bounds`() throws {
        let limits = Limits(ttl: 1...2, grace: 0...1)
        #expect(try limits.ttl(JSON(parsing: "1")) == 1)
        #expect(throws: InputError.self) { try limits.ttl(JSON(parsing: "5")) }
        #expect(throws: InputError.self) { try limits.grace("2") }
    }
}
