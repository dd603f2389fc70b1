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

    @Test("It says who we are, where we work and what we are called, then asks who the server is")
    func order() throws {
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

    @Test("Scripts are loaded once the server's version is known")
    func scripts() throws {
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
        #expect(session.server == RedisServerInfo(runID: "abc", version: "7.0.15", maxmemoryPolicy: "noeviction"))
        #expect(words([session.command(Self.script, keys: ["k"], arguments: [])]) == ["EVALSHA 5ha 1 k"])
        let other = RedisScript(name: "other", source: Array("return 2".utf8))
        #expect(words([session.command(other, keys: [], arguments: ["a"])]) == ["EVAL return 2 0 a"])
    }

    @Test("A server older than 7.0 is refused by its version, with scripts or without", arguments: [[], [script]])
    func oldServer(scripts: [RedisScript]) throws {
        var handshake = try handshake(scripts: scripts)
        _ = handshake.start()
        _ = handshake.received(.status("OK"))
        _ = handshake.received(bulk("redis_version:6.2.14\r\n"))
        guard case .failed(let error) = handshake.received(bulk("")) else {
            Issue.record("an old server was taken")
            return
        }
        #expect("\(error)" == "invalid settings: this server is Redis 6.2.14; 7.0 or newer is needed")
        #expect(!error.isTransient)
    }

    @Test("A newer server than any we know is worked with")
    func newServer() throws {
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

    @Test("A refused password ends it, without a word of the reply")
    func refusedPassword() throws {
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

    @Test("A server that is loading, wants a password or refuses a script is not offered")
    func refusals() throws {
        for reply in ["LOADING wait", "NOAUTH who are you"] {
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

    @Test("A server that hides INFO or client names is worked with all the same")
    func hidden() throws {
        var handshake = try handshake()
        _ = handshake.start()
        _ = handshake.received(.error(RedisError(reply: "ERR unknown command")))
        _ = handshake.received(.error(RedisError(reply: "NOPERM no")))
        guard case .done(let session) = handshake.received(.error(RedisError(reply: "NOPERM no"))) else {
            Issue.record("no end")
            return
        }
        #expect(session.server == RedisServerInfo(runID: "", version: "", maxmemoryPolicy: ""))
    }
}
