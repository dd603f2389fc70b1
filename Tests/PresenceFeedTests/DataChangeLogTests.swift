// Rollcall · PresenceFeedTests

import NIOCore
import PresenceModel
import PresenceFeed
import Testing

@Suite("The log of data changes")
struct DataChangeLogTests {
    private let start = NIODeadline.uptimeNanoseconds(0) + .hours(1)

    private func key(_ number: Int) -> Key { Fixture.member("user\(number)").key }

    @Test func `A stream gets again the data that was sent since its cursor, with a slack for other nodes`() {
        var log = DataChangeLog(slack: .seconds(60))
        log.begin(at: start - .minutes(10))
        log.append([key(1)], at: start)
        log.append([key(2)], at: start + .minutes(5))
        #expect(log.keys(since: start + .seconds(30)) == [key(1), key(2)])
        #expect(log.keys(since: start + .minutes(5)) == [key(2)])
        #expect(log.keys(since: start + .minutes(10)) == [])
    }

    @Test func `Changes before the first snapshot, or since an unknown time, are not known`() {
        var log = DataChangeLog(slack: .seconds(60))
        #expect(log.keys(since: start) == nil)
        log.begin(at: start)
        log.begin(at: start + .minutes(10))
        #expect(log.keys(since: nil) == nil)
        #expect(log.keys(since: start + .seconds(59)) == nil)
        #expect(log.keys(since: start + .seconds(60)) == [])
    }

    @Test func `After a drop earlier changes are not known, and later ones are`() {
        var log = DataChangeLog(slack: .seconds(60))
        log.begin(at: start - .minutes(10))
        for number in 0...DataChangeLog.maximumCount { log.append([key(number)], at: start + .minutes(Int64(number))) }
        #expect(log.keys(since: start + .seconds(59)) == nil)
        #expect(log.keys(since: start + .seconds(61))?.count == DataChangeLog.maximumCount)
    }

    @Test func `trimming forgets the oldest changes`() {
        var log = DataChangeLog(slack: .seconds(60))
        log.begin(at: start - .minutes(10))
        for number in 0..<10 { log.append([key(number)], at: start + .minutes(Int64(number))) }
        log.trim(toBytes: log.bytes / 2)
        #expect(log.keys(since: start) == nil)
        #expect(log.keys(since: start + .minutes(4) + .seconds(61)) == Set((5..<10).map(key)))
        log.trim(toBytes: 0)
        #expect(log.bytes == 0)
    }

    @Test func `the log of one topic never takes more than the keys that it may hold`() {
        var log = DataChangeLog(slack: .seconds(60))
        let long = Fixture.member(String(repeating: "k", count: 256)).key
        for number in 0..<5_000 { log.append([long], at: start + .seconds(Int64(number))) }
        #expect(log.bytes <= DataChangeLog.maximumCount * (256 + 64))
    }
}
