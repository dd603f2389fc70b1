// Rollcall · AccessTests

import Testing

@testable import Access

@Suite("The texts of limits")
struct CallerLimitsTests {
    @Test func `a rate is a number and its seconds`() {
        #expect(Rate("50/1s") == Rate(50, in: 1))
        #expect(Rate("1000000000/86400s")?.description == "1000000000/86400s")
        for wrong in [
            "", "5", "5/s", "5/1", "/1s", "05/1s", "5/01s", "0/1s", "5/0s", "5/1.5s", "-5/1s", "+5/1s", "5/1S",
            "5/86401s", "1000000001/1s", "5/1ss", "5/1s/1s", "5 /1s", "99999999999999999999/1s",
        ] {
            #expect(Rate(wrong) == nil, "\(wrong)")
        }
    }

    @Test(arguments: CallerKind.allCases)
    func `the text of the standard limits reads as the standard limits`(kind: CallerKind) {
        let standard = CallerLimits.standard(kind)
        #expect(CallerLimits(standard.description, of: kind) == standard)
        #expect(CallerLimits(CallerLimits.example(kind), of: kind) != nil)
    }

    @Test func `a name that is left out keeps its standard, and none lifts one or all`() throws {
        let limits = try #require(CallerLimits("tracks=7/1s, streams = none", of: .user))
        #expect(limits.rates[.tracks] == Rate(7, in: 1) && limits.stocks[.streams] == nil)
        #expect(limits.rates[.requests] == CallerLimits.standard(.user).rates[.requests])
        let none = try #require(CallerLimits("none", of: .user))
        #expect(none.rates.isEmpty && none.stocks.isEmpty && none.description == "none")
        #expect(CallerLimits("requests=9/1s,topics=3", of: .apiKey)?.description == "requests=9/1s,topics=3")
        #expect(CallerLimits("connections=5", of: .address)?.description == "failures=100/10s,connections=5")
    }

    @Test(arguments: [
        "", "requests", "requests=", "requests=5", "streams=5/1s", "streams=0", "requests=5/1s,", "{",
        "requests=5/1s,requests=6/1s", "failures=5/1s", "connections=5", "posts=5/1s", "requests=5/1s streams=5",
        "requests=5=5", "NONE",
    ])
    func `another text is refused`(text: String) {
        #expect(CallerLimits(text, of: .user) == nil)
    }

    @Test func `users and API keys have stocks of streams, and addresses of connections`() {
        #expect(CallerLimits("streams=5", of: .address) == nil && CallerLimits("connections=5", of: .apiKey) == nil)
        #expect(CallerKind.apiKey.name(of: RateKind.requests) == "api_key_requests")
        #expect(CallerKind.user.name(of: StockKind.topics) == "user_topics")
    }
}
