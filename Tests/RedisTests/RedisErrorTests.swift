// Rollcall · RedisTests

import Testing

@testable import Redis

@Suite("Redis errors")
struct RedisErrorTests {
    /// What Redis writes, its code, and whether the connection must be closed.
    @Test(
        arguments: [
            ("LOADING Redis is loading the dataset in memory", .loading, false),
            ("BUSY Redis is busy running a script.", .busy, false),
            ("TRYAGAIN Multiple keys request during rehashing of slot", .tryAgain, false),
            ("CLUSTERDOWN The cluster is down", .clusterDown, false),
            ("MASTERDOWN Link with MASTER is down", .masterDown, true),
            ("READONLY You can't write against a read only replica.", .readOnly, true),
            ("NOAUTH Authentication required.", .noAuth, true),
            ("WRONGPASS invalid username-password pair", .wrongPassword, false),
            ("NOPERM this user has no permissions", .noPermission, false),
            ("OOM command not allowed when used memory > 'maxmemory'.", .outOfMemory, false),
            ("MISCONF Redis is configured to save RDB snapshots", .cannotPersist, false),
            ("NOREPLICAS Not enough good replicas to write.", .noReplicas, false),
            ("NOSCRIPT No matching script. Please use EVAL.", .noScript, false),
            ("MOVED 3999 127.0.0.1:6381", .moved, false),
            ("ASK 3999 127.0.0.1:6381", .ask, false),
            ("EXECABORT Transaction discarded", .transactionAborted, false),
            ("WRONGTYPE Operation against a key", .wrongType, false),
            ("DENIED Redis is running in protected mode", .denied, false),
            ("ERR unknown command 'MULTI', with args beginning with: ", .noPermission, false),
            (
                "ERR The user executing the script can't run this command or subcommand", .noPermission, false
            ),
            ("ERR ACL failure in script: can't run this command", .noPermission, false),
            ("ERR Unknown Redis command called from script", .noPermission, false),
            ("ERR value is not an integer or out of range", .other, false),
            ("disconnected by the test", .other, false),
            ("timeout", .other, false),
            ("", .other, false),
        ] as [(String, RedisError.Code, Bool)])
    func `The text of an error reply gives its code, and three codes close the connection`(
        reply: String, code: RedisError.Code, closesConnection: Bool
    ) {
        let error = RedisError(reply: reply)
        #expect(error.code == code)
        #expect(error.closesConnection == closesConnection)
    }

    @Test func `After a time-out or a lost connection the outcome is unknown, unless the command was not sent`() {
        let unknown = RedisError.Code.allCases.filter { RedisError($0, "").hasUnknownOutcome }
        #expect(unknown == [.disconnected, .timeout, .protocolViolation])
    }

    @Test func `A description has the code once`() {
        #expect("\(RedisError(reply: "OOM no memory"))" == "OOM no memory")
        #expect("\(RedisError(.timeout, "no reply within 2 s"))" == "timeout: no reply within 2 s")
    }
}
