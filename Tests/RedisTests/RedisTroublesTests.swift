// Rollcall · RedisTests

import NIOCore
import Testing

@testable import Redis

@Suite("Troubles of a Redis")
struct RedisTroublesTests {
    private let full = RedisTrouble(RedisError(reply: "OOM command not allowed"))
    private let rights = RedisTrouble(RedisError(reply: "NOPERM no"))

    private func time(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(1) + .seconds(seconds) }

    @Test func `A trouble that several connections meet begins once and ends with the last of them`() {
        var troubles = RedisTroubles(hold: .seconds(5))
        #expect(troubles.note(rights, from: .commands, at: time(0)) == [.began(rights)])
        #expect(troubles.note(rights, from: .messages, at: time(1)) == [])
        #expect(troubles.note(nil, from: .commands, at: time(2)) == [])
        #expect(troubles.note(nil, from: .messages, at: time(3)) == [.ended(.rights)])
        #expect(troubles.trouble(of: .commands) == nil)
    }

    @Test func `A Redis at its memory limit that refuses and takes writes in turn is full once`() {
        var troubles = RedisTroubles(hold: .seconds(5))
        #expect(troubles.note(full, from: .commands, at: time(0)) == [.began(full)])
        for second in 1...20 as ClosedRange<Int64> {
            let trouble = second.isMultiple(of: 3) ? full : nil
            #expect(troubles.note(trouble, from: .commands, at: time(second)) == [])
            #expect(troubles.trouble(of: .commands) == trouble)
        }
        // The last refusal came at 18.
        #expect(troubles.note(nil, from: .commands, at: time(22)) == [])
        #expect(troubles.note(nil, from: .commands, at: time(23)) == [.ended(.full)])
        #expect(troubles.note(full, from: .commands, at: time(24)) == [.began(full)])
    }

    @Test func `A refused command is a trouble until no other was refused for a time`() {
        var troubles = RedisTroubles(hold: .seconds(5))
        #expect(troubles.note(rights, from: .replies, at: time(0)) == [.began(rights)])
        #expect(troubles.note(nil, from: .commands, at: time(3)) == [])
        #expect(troubles.note(rights, from: .replies, at: time(4)) == [])
        #expect(troubles.note(nil, from: .commands, at: time(8)) == [])
        #expect(troubles.note(nil, from: .commands, at: time(9)) == [.ended(.rights)])
    }

    @Test func `A trouble ends when another one replaces it`() {
        var troubles = RedisTroubles(hold: .seconds(5))
        let away = RedisTrouble(.unreachable, "connection refused")
        _ = troubles.note(away, from: .commands, at: time(0))
        #expect(troubles.note(rights, from: .commands, at: time(1)) == [.began(rights), .ended(.unreachable)])
    }

    @Test func `Only a trouble that an operator must end is permanent, and its text has a note`() {
        let permanent = RedisTrouble.Kind.allCases.filter { RedisTrouble($0, "").isPermanent }
        #expect(permanent == [.password, .protected, .tls, .notRedis, .unsuitable, .database, .rights])
        #expect("\(rights)".hasSuffix("; this does not pass by itself"))
        #expect("\(full)" == "OOM command not allowed")
    }

    @Test func `The first failure in a row deserves a warning, and so does a loss with a new reason`() {
        var attempts = RedisAttempts(backoff: RedisOptions().backoff)
        func deservesWarning(_ code: RedisError.Code, lived: Duration) -> Bool {
            _ = attempts.pause(after: RedisError(code, ""), lived: lived)
            return attempts.deservesWarning
        }
        #expect(deservesWarning(.disconnected, lived: .zero))
        #expect(!deservesWarning(.disconnected, lived: .zero))
        #expect(!deservesWarning(.timeout, lived: .zero))
        #expect(deservesWarning(.noPermission, lived: .milliseconds(3)))
        #expect(!deservesWarning(.noPermission, lived: .milliseconds(3)))
        #expect(deservesWarning(.noPermission, lived: .seconds(60)))
    }
}
