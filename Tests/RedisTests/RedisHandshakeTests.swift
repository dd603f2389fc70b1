// Rollcall · RedisTests

import NIOCore
import Testing

@testable import Redis

@Suite("The handshake")
struct RedisHandshakeTests {
    private static let info = "# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n"
    private static let script = RedisScript(name: "one", source: Array("#!lua\nreturn 1".utf8))

    private func handshake(
        _ url: String = "redis://h", scripts: [RedisScript] = [], purpose: RedisHandshake.Purpose = .commands
    ) throws -> RedisHandshake {
        var options = RedisOptions()
        options.scripts = scripts
        options.clientName = "node"
        return RedisHandshake(url: try RedisURL(url), options: options, purpose: purpose)
    }

    private func bulk(_ text: String) -> RedisValue { .bulk(ByteBuffer(string: text)) }

    private func words(_ commands: [RedisCommand]) -> [String] {
        commands.map { command in
            command.arguments.reduce(command.name) { text, argument in
                switch argument {
                case .string(let word): "\(text) \(word)"
                case .integer(let number): "\(text) \(number)"
                case .bytes(let bytes): "\(text) \(String(decoding: bytes, as: UTF8.self))"
                case .buffer(let buffer): "\(text) \(String(buffer: buffer))"
                }
            }
        }
    }

    @Test func `The first commands log in, select the database, set the client name and ask for INFO`() throws {
        var full = try handshake("redis://app:pw@h/3")
        #expect(
            words(full.start()) == ["AUTH app pw", "SELECT 3", "CLIENT SETNAME node", "INFO server", "INFO memory"])
        var password = try handshake("redis://:pw@h")
        #expect(words(password.start()).first == "AUTH pw")
        var messages = try handshake("redis://h", scripts: [Self.script], purpose: .messages)
        #expect(words(messages.start()) == ["CLIENT SETNAME node"])
        guard case .done = messages.received(.status("OK")) else {
            Issue.record("a subscriber needs no more")
            return
        }
    }

    @Test func `Scripts are loaded after the version of the server is known`() throws {
        var handshake = try handshake(scripts: [Self.script])
        _ = handshake.start()
        _ = handshake.received(.status("OK"))
        _ = handshake.received(bulk(Self.info))
        guard case .send(let loads) = handshake.received(bulk("maxmemory_policy:noeviction\r\n")),
            case .done(let session) = handshake.received(bulk("5ha"))
        else {
            Issue.record("no scripts, or no end")
            return
        }
        #expect(words(loads) == ["SCRIPT LOAD #!lua\nreturn 1"])
        #expect(session.server.runID == "abc" && session.server.version == "7.0.15")
        #expect(session.server.maxmemoryPolicy == "noeviction")
        #expect(words([session.command(Self.script, keys: ["k"], arguments: [])]) == ["EVALSHA 5ha 1 k"])
        let other = RedisScript(name: "other", source: Array("return 2".utf8))
        #expect(words([session.command(other, keys: [], arguments: ["a"])]) == ["EVAL return 2 0 a"])
    }

    @Test(arguments: [[], [script]])
    func `A server older than 7.0 is refused by its version, with scripts or without`(scripts: [RedisScript]) throws {
        var handshake = try handshake(scripts: scripts)
        _ = handshake.start()
        _ = handshake.received(.status("OK"))
        _ = handshake.received(bulk("redis_version:6.2.14\r\n"))
        guard case .failed(let error) = handshake.received(bulk("")) else {
            Issue.record("an old server was taken")
            return
        }
        #expect("\(error)" == "unsuitable server: this server is Redis 6.2.14; Redis 7.0 or newer is needed")
        #expect(RedisTrouble(error).isPermanent)
    }

    @Test func `A server of any newer version is accepted`() throws {
        var handshake = try handshake()
        _ = handshake.start()
        _ = handshake.received(.status("OK"))
        _ = handshake.received(bulk("redis_version:10.2.0\r\n"))
        guard case .done(let session) = handshake.received(bulk("")) else {
            Issue.record("a new server was refused")
            return
        }
        #expect(session.server.version == "10.2.0")
    }

    @Test func `A refused password ends the handshake, and the error has no text of the reply`() throws {
        var handshake = try handshake("redis://:s3cret@h")
        _ = handshake.start()
        guard case .failed(let error) = handshake.received(.error(RedisError(reply: "WRONGPASS s3cret is wrong")))
        else {
            Issue.record("not refused")
            return
        }
        #expect(error.code == .wrongPassword)
        #expect(!error.description.contains("s3cret"))
    }

    @Test func `A handshake fails when the server is loading, wants a password or refuses a script`() throws {
        for reply in ["LOADING wait", "NOAUTH Authentication required."] {
            var handshake = try handshake()
            _ = handshake.start()
            guard case .failed = handshake.received(.error(RedisError(reply: reply))) else {
                Issue.record("\(reply) was taken")
                continue
            }
        }
        var handshake = try handshake(scripts: [Self.script])
        _ = handshake.start()
        _ = handshake.received(.status("OK"))
        _ = handshake.received(bulk(Self.info))
        _ = handshake.received(bulk(""))
        guard case .failed(let error) = handshake.received(.error(RedisError(reply: "ERR compiling"))) else {
            Issue.record("a bad script was taken")
            return
        }
        #expect(error.message == "the script one was refused: ERR compiling")
    }

    @Test func `A server that refuses INFO or a client name is accepted`() throws {
        var handshake = try handshake()
        _ = handshake.start()
        _ = handshake.received(.error(RedisError(reply: "ERR unknown command")))
        _ = handshake.received(.error(RedisError(reply: "NOPERM no")))
        guard case .done(let session) = handshake.received(.error(RedisError(reply: "NOPERM no"))) else {
            Issue.record("no end")
            return
        }
        #expect(session.server == RedisServerInfo(sections: []))
    }

    private func outcome(ofInfo info: String) throws -> RedisHandshake.Progress {
        var handshake = try handshake()
        _ = handshake.start()
        _ = handshake.received(.status("OK"))
        _ = handshake.received(bulk(info))
        return handshake.received(bulk(""))
    }

    @Test(arguments: [
        ("redis_version:7.0.15\r\nredis_mode:cluster\r\n", "cluster mode"),
        ("redis_version:7.0.15\r\nredis_mode:sentinel\r\n", "a Sentinel"),
        ("redis_version:6.3.4\r\n", "Redis 6.3.4; Redis 7.0"),
        ("redis_version:6.2.1\r\ndragonfly_version:df-v1.2\r\n", "Dragonfly df-v1.2; Redis 7.0"),
    ])
    func `A server that Rollcall cannot work with is refused, and the error names the reason`(
        info: String, words: String
    ) throws {
        guard case .failed(let error) = try outcome(ofInfo: info) else {
            Issue.record("it was taken")
            return
        }
        #expect(error.code == .unsuitableServer)
        #expect(error.message.contains(words))
        #expect(RedisTrouble(error).isPermanent)
    }

    @Test func `A Valkey server has its own product name and version`() throws {
        let info = "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\nredis_mode:standalone\r\n"
        guard case .done(let session) = try outcome(ofInfo: info) else {
            Issue.record("it was refused")
            return
        }
        #expect(session.server.product == "Valkey" && session.server.version == "8.0.1")
    }

    @Test(
        arguments: [
            (
                "redis://h", "NOAUTH Authentication required.", .password,
                "NOAUTH: Redis wants a password, and SETTING has none"
            ),
            (
                "redis://:pw@h", "WRONGPASS invalid username-password pair", .password,
                "WRONGPASS: Redis refuses the user or the password of SETTING"
            ),
            (
                "redis://:pw@h", "ERR AUTH <password> called without any password configured for the default user.",
                .password, "Redis has no password for the default user, and SETTING has one"
            ),
            (
                "redis://h/99", "ERR DB index is out of range", .database,
                "Redis has no database 99, which SETTING names"
            ),
            ("redis://h/1", "ERR SELECT is not allowed in cluster mode", .unsuitable, "cluster mode"),
            (
                "redis://h/1", "NOPERM this user has no permissions to run the 'select' command", .rights,
                "the user of SETTING may not use SELECT"
            ),
            ("redis://h", "DENIED Redis is running in protected mode because", .protected, "protected mode"),
            ("redis://h", "ERR max number of clients reached", .clients, "Redis has reached its maxclients"),
            ("redis://h", "LOADING Redis is loading the dataset in memory", .unreachable, "LOADING"),
        ] as [(String, String, RedisTrouble.Kind, String)])
    func `The error for a refusal at the first step names the cause, and the setting if it is wrong`(
        url: String, reply: String, kind: RedisTrouble.Kind, words: String
    ) throws {
        var options = RedisOptions()
        options.urlName = "SETTING"
        var handshake = RedisHandshake(url: try RedisURL(url), options: options, purpose: .commands)
        _ = handshake.start()
        guard case .failed(let error) = handshake.received(.error(RedisError(reply: reply))) else {
            Issue.record("not refused")
            return
        }
        #expect(RedisTrouble(error).kind == kind)
        #expect(error.description.contains(words), "\(error)")
    }

    // MARK: - Admission

    private func admitted(_ rights: RedisValue, _ writing: RedisValue) throws -> RedisHandshake.Progress {
        var options = RedisOptions()
        options.admission = RedisAdmission(
            rights: RedisScript(name: "rights", source: Array("r".utf8)), arguments: ["a"],
            writing: RedisScript(name: "writing", source: Array("w".utf8)))
        var handshake = RedisHandshake(url: try RedisURL("redis://h"), options: options, purpose: .commands)
        _ = handshake.start()
        for reply in [.status("OK"), bulk(Self.info), bulk(""), bulk("1")] as [RedisValue] {
            _ = handshake.received(reply)
        }
        guard case .send(let commands) = handshake.received(bulk("2")) else { return .wait }
        #expect(words(commands) == ["EVALSHA 1 0 a", "EVALSHA 2 0"])
        if case .failed(let error) = handshake.received(rights) { return .failed(error) }
        return handshake.received(writing)
    }

    @Test func `A connection is offered with the standing that the admission found`() throws {
        guard case .done(let good) = try admitted(.array([]), .integer(1)),
            case .done(let less) = try admitted(.array([bulk("PUBLISH rc:x")]), .integer(1)),
            case .done(let replica) = try admitted(.array([]), .error(RedisError(reply: "READONLY replica"))),
            case .done(let full) = try admitted(.array([]), .error(RedisError(reply: "OOM full")))
        else {
            Issue.record("not offered")
            return
        }
        #expect(good.standing == RedisPermissions() && good.standing.allowsWrites)
        #expect(less.standing.missing == ["PUBLISH rc:x"] && !less.standing.allowsWrites)
        #expect(replica.standing.isReadOnly && !replica.standing.allowsWrites)
        #expect(full.standing.refusal?.code == .outOfMemory && full.standing.allowsWrites)
    }

    @Test func `A handshake fails when an admission script fails for another reason than refused writes`() throws {
        for (rights, writing) in [
            (.error(RedisError(reply: "NOPERM evalsha")), .integer(1)),
            (.array([]), .error(RedisError(reply: "ERR no"))),
        ] as [(RedisValue, RedisValue)] {
            guard case .failed = try admitted(rights, writing) else {
                Issue.record("offered")
                continue
            }
        }
    }

    @Test func `Missing rights and a full Redis permit renewals, and a read-only Redis does not`() {
        #expect(RedisPermissions(missing: ["HKEYS"]).allowsRenewals)
        #expect(RedisPermissions(refusal: RedisError(reply: "OOM full")).allowsRenewals)
        #expect(!RedisPermissions(refusal: RedisError(reply: "READONLY replica")).allowsRenewals)
    }

    @Test func `Missing rights that a handshake found go before those that another connection found`() {
        let other = RedisPermissions(missing: ["HSET"], refusal: RedisError(reply: "READONLY replica"))
        let full = RedisError(reply: "OOM full")
        #expect(RedisPermissions().completed(by: other) == RedisPermissions(missing: ["HSET"]))
        #expect(
            RedisPermissions(refusal: full).completed(by: other) == RedisPermissions(missing: ["HSET"], refusal: full))
        #expect(RedisPermissions(missing: ["TIME"]).completed(by: other) == RedisPermissions(missing: ["TIME"]))
    }

    @Test func `A long list of missing rights is cut after eight, with the number of the others`() {
        let standing = RedisPermissions(missing: (1...11).map { "C\($0)" })
        let trouble = standing.trouble(user: "the user of SETTING")
        #expect(trouble?.kind == .rights)
        #expect(trouble?.detail == "NOPERM: the user of SETTING may not use C1, C2, C3, C4, C5, C6, C7, C8 and 3 more")
    }
}
