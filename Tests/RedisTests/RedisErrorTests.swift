// Rollcall · RedisTests

import Redis
import Testing

@Suite("Redis errors")
struct RedisErrorTests {
    /// The whole table: what Redis writes, what the client does about it, and whether a caller may try again soon.
    @Test(
        arguments: [
            ("LOADING Redis is loading the dataset in memory", .loading, .pause, true),
            ("BUSY Redis is busy running a script.", .busy, .pause, true),
            ("TRYAGAIN Multiple keys request during rehashing of slot", .tryAgain, .pause, true),
            ("CLUSTERDOWN The cluster is down", .clusterDown, .pause, true),
            ("MASTERDOWN Link with MASTER is down", .masterDown, .reconnect, true),
            ("READONLY You can't write against a read only replica.", .readOnly, .reconnect, true),
            ("NOAUTH Authentication required.", .noAuth, .reconnect, true),
            ("WRONGPASS invalid username-password pair", .wrongPassword, .credentials, false),
            ("NOPERM this user has no permissions", .noPermission, .credentials, false),
            ("OOM command not allowed when used memory > 'maxmemory'.", .outOfMemory, .shed, true),
            ("MISCONF Redis is configured to save RDB snapshots", .cannotPersist, .shed, true),
            ("NOREPLICAS Not enough good replicas to write.", .noReplicas, .shed, true),
            ("NOSCRIPT No matching script. Please use EVAL.", .noScript, .sendScript, false),
            ("MOVED 3999 127.0.0.1:6381", .moved, .redirect, false),
            ("ASK 3999 127.0.0.1:6381", .ask, .redirect, false),
            ("EXECABORT Transaction discarded", .transactionAborted, .fix, false),
            ("WRONGTYPE Operation against a key", .wrongType, .fix, false),
            ("DENIED Redis is running in protected mode", .denied, .credentials, false),
            ("ERR unknown command 'MULTI', with args beginning with: ", .noPermission, .credentials, false),
            (
                "ERR The user executing the script can't run this command or subcommand", .noPermission, .credentials,
                false
            ),
            ("ERR ACL failure in script: can't run this command", .noPermission, .credentials, false),
            ("ERR Unknown Redis command called from script", .noPermission, .credentials, false),
            ("ERR value is not an integer or out of range", .other, .fix, false),
            ("disconnected by the test", .other, .fix, false),
            ("timeout", .other, .fix, false),
            ("", .other, .fix, false),
        ] as [(String, RedisError.Code, RedisError.Remedy, Bool)])
    func `The text of an error reply gives its code and its remedy`(
        reply: String, code: RedisError.Code, remedy: RedisError.Remedy, isTransient: Bool
    ) {
        let error = RedisError(reply: reply)
        #expect(error.code == code)
        #expect(error.code.remedy == remedy)
        #expect(error.isTransient == isTransient)
        #expect(error.closesConnection == (remedy == .reconnect))
    }

    @Test func `After a time-out or a lost connection the outcome is unknown, unless the command was not sent`() {
        #expect(RedisError.Code.timeout.remedy == .unknownOutcome)
        #expect(RedisError.Code.disconnected.remedy == .unknownOutcome)
        #expect(RedisError.Code.unavailable.remedy == .pause)
        #expect(RedisError(.unavailable, "no connection is up").isTransient)
        #expect(!RedisError(.invalidSettings, "").isTransient)
    }

    @Test func `A description has the code once`() {
        #expect("\(RedisError(reply: "OOM no memory"))" == "OOM no memory")
        #expect("\(RedisError(.timeout, "no reply within 2 s"))" == "timeout: no reply within 2 s")
    }
}
