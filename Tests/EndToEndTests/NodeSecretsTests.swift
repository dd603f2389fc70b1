// Rollcall · EndToEndTests

import Access
import Foundation
import LocalServices
import TestSupport
import Testing

@testable import rollcall

/// Starts a node with a value of its own in each secret setting, and looks for these values in all that it shows.
@Suite("The secrets of a node")
struct NodeSecretsTests {
    /// A request, and the status of its answer.
    private struct Case {
        let method: String
        let path: String
        var body: String?
        var authorization: String?
        let status: Int
    }

    /// The credentials that clients send.
    private struct Sent {
        let key: String
        let token: String
        /// A key that the node does not have.
        let wrongKey = APIKey.draw().text
        let basic = Data("alice:a password that no client should send here".utf8).base64EncodedString()

        /// The token with another signature.
        var forged: String { String(token.dropLast(43)) + String(token.suffix(43).reversed()) }
    }

    private static let redisPassword = "the-password-of-Redis-in-this-test"
    private static let databasePassword = "the-password-of-PostgreSQL-in-this-test"
    private static let tokenSecret = "the secret of the tokens in this test"
    private static let rules = """
        [{"topics": "*", "field": "user", "query": "SELECT key, to_jsonb(key) FROM unnest($1) AS key"}]
        """
    private static let room = RollcallClient.path(topic: "room", "presences")

    @Test func `no line of the log, metric, check, problem or argument of a node shows a secret`() async throws {
        try await withLocalRedis(port: true, arguments: ["--requirepass", Self.redisPassword]) { redis in
            try await withLocalPostgres { postgres in
                try await expectNoSecret(redis, postgres)
            }
        }
    }

    private func expectNoSecret(_ redis: LocalRedis, _ postgres: LocalPostgres) async throws {
        let (id, key) = APIKey.draw()
        let hash = APIKey.sha256(of: key)
        let rights = #""topic_prefixes":{"":["track:any","see"]},"service":["enrich","operate"]"#
        let secrets = [
            "ROLLCALL_REDIS_URL": redis.url.replacing("redis://", with: "redis://:\(Self.redisPassword)@"),
            "ROLLCALL_DATABASE_URL": postgres.url + "&password=" + Self.databasePassword,
            "ROLLCALL_API_KEYS": #"[{"id":"\#(id)","sha256":"\#(hash)",\#(rights)}]"#,
            "ROLLCALL_TOKEN_SECRET": Self.tokenSecret,
        ]
        #expect(Set(SettingsTable.all.filter(\.isSecret).map(\.environmentName)) == Set(secrets.keys))
        let others = ["ROLLCALL_FETCH_RULES": Self.rules, "ROLLCALL_LOG_LEVEL": "trace"]
        let made = try await RollcallProcess.run(
            ["token", "alice", "--rights", #"{"topics":{"room":["track","see"]}}"#],
            environment: ["ROLLCALL_TOKEN_SECRET": Self.tokenSecret])
        let sent = Sent(key: key, token: made.output.trimmingCharacters(in: .whitespacesAndNewlines))
        let node = try await RollcallProcess.start(["serve"], environment: secrets.merging(others) { $1 })
        let backend = "Bearer \(key)"

        let ticket = try await node.client.post(
            "/v1/tickets", #"{"topic":"room"}"#, headers: ["Authorization": backend])
        let url = try #require(try ticket.json["url"]?.string)
        let stream = try await node.client.events(url)
        _ = try await stream.next("presence_state")
        let tag = String(try #require(stream.lastEventID.split(separator: ".").last))
        await stream.close()

        var shown = try await answers(of: node, to: Self.cases(sent, ticketURL: url))
        shown.append(try await refusal(of: node, to: sent))
        node.process.send(SIGHUP)
        try await eventually("the line about the keys") { node.log.contains("access: keys read again") }

        await postgres.kill()
        let withoutDatabase = [
            Case(method: "PUT", path: Self.room + "/carol/tab", authorization: backend, status: 201),
            Case(method: "GET", path: Self.room, authorization: backend, status: 200),
        ]
        shown += try await answers(of: node, to: withoutDatabase)
        try await eventually("the line about PostgreSQL") { node.log.contains("postgres: unavailable") }
        try await changePassword(of: redis)
        try await eventually("the line about Redis") { node.log.contains("redis: cannot be used") }
        let withoutRedis = [
            Case(method: "PUT", path: Self.room + "/dave/tab", authorization: backend, status: 503),
            Case(method: "GET", path: "/readyz", authorization: backend, status: 503),
            Case(method: "GET", path: "/metrics", authorization: backend, status: 200),
        ]
        shown += try await answers(of: node, to: withoutRedis)
        #if os(Linux)
            let arguments = try String(contentsOfFile: "/proc/\(node.pid)/cmdline", encoding: .utf8)
            #expect(arguments.contains("serve"))
            shown.append(arguments)
        #endif
        await node.terminate()
        #expect(node.log.contains("node: starting") && node.log.contains("status=401"), "the log is not whole")
        shown.append(node.log)

        let marks: [String: String] = [
            "the password of Redis": Self.redisPassword, "the password of PostgreSQL": Self.databasePassword,
            "the secret of tokens": Self.tokenSecret, "the hash of the API key": hash,
            // The last 43 characters of each are the secret part.
            "the API key": String(key.suffix(43)), "the wrong API key": String(sent.wrongKey.suffix(43)),
            "the token": String(sent.token.suffix(43)), "the forged token": String(sent.forged.suffix(43)),
            "the ticket": String(url.suffix(43)), "the tag of the ticket": tag, "the field Basic": sent.basic,
        ]
        for (name, mark) in marks {
            #expect(mark.count >= 8, "\(name) is too short to be found")
            for text in shown where text.contains(mark) {
                let line = text.split(separator: "\n").first { $0.contains(mark) } ?? ""
                Issue.record("\(name) is in: \(line)")
            }
        }
    }

    /// Requests that succeed, and requests that fail with a credential in each place where a client may put one.
    private static func cases(_ sent: Sent, ticketURL: String) -> [Case] {
        let (key, user) = ("Bearer \(sent.key)", "Bearer \(sent.token)")
        let beat = #"{"operations":[{"op":"heartbeat","topic":"room","key":"bob","session":"tab"}]}"#
        return [
            Case(method: "PUT", path: room + "/bob/tab", body: "{}", authorization: key, status: 201),
            Case(method: "POST", path: "/v1/batch", body: beat, authorization: key, status: 200),
            Case(
                method: "POST", path: "/v1/enrichment/invalidations", body: #"{"keys":["bob"]}"#, authorization: key,
                status: 202),
            Case(method: "POST", path: room, body: "{}", authorization: user, status: 201),
            Case(method: "GET", path: room, authorization: user, status: 200),
            Case(method: "GET", path: "/readyz", authorization: key, status: 200),
            Case(method: "GET", path: "/metrics", authorization: key, status: 200),
            Case(method: "GET", path: room, authorization: "Bearer \(sent.wrongKey)", status: 401),
            Case(method: "GET", path: room, authorization: "Bearer \(sent.forged)", status: 401),
            Case(method: "GET", path: room, authorization: "Basic \(sent.basic)", status: 401),
            Case(method: "PUT", path: room + "/bob/tab", body: "{}", authorization: user, status: 403),
            Case(method: "GET", path: "/metrics", authorization: user, status: 403),
            Case(method: "POST", path: room, body: #"{"key":"#, authorization: key, status: 400),
            Case(method: "GET", path: room + "?access_token=\(sent.token)", authorization: key, status: 400),
            Case(method: "GET", path: "/v1/topics/room/events?token=\(sent.token)", status: 400),
            Case(method: "GET", path: "/v1/nothing?token=\(sent.key)", authorization: key, status: 404),
            Case(method: "DELETE", path: "/v1/topics/room?token=\(sent.key)", authorization: key, status: 405),
            Case(method: "GET", path: ticketURL, status: 401),
            Case(method: "GET", path: ticketURL.replacing("/room/", with: "/other/"), status: 401),
        ]
    }

    /// Sends requests, and returns the head and the body of each answer.
    private func answers(of node: RollcallProcess, to cases: [Case]) async throws -> [String] {
        var answers: [String] = []
        for one in cases {
            let headers = one.authorization.map { ["Authorization": $0] } ?? [:]
            let answer = try await node.client.send(one.method, one.path, one.body, headers: headers)
            #expect(answer.status == one.status, "\(one.method) \(one.path): \(answer.text)")
            answers.append("\(answer.headers)\n\(answer.text)")
        }
        return answers
    }

    /// The answer to a request that is no HTTP that a node speaks.
    private func refusal(of node: RollcallProcess, to sent: Sent) async throws -> String {
        let client = try await RawClient.connect(to: node.url)
        let head = "GET /v1/topics?token=\(sent.token) HTTP/9.9\r\nHost: localhost\r\n"
        try await client.send(head + "Authorization: Bearer \(sent.key)\r\n\r\n")
        try await eventually("the end of the connection") { try await client.isEnded }
        let answer = try await client.received
        #expect(answer.hasPrefix("HTTP/1.1 505 "))
        await client.close()
        return answer
    }

    /// Gives Redis another password, and ends the connections that came with the earlier one.
    private func changePassword(of redis: LocalRedis) async throws {
        let commands = [
            (Self.redisPassword, ["CONFIG", "SET", "requirepass", "another"]),
            ("another", ["CLIENT", "KILL", "TYPE", "normal"]),
        ]
        for (password, command) in commands {
            let connection = ["-s", redis.socketPath, "--no-auth-warning", "-a", password]
            #expect(try await Command.run("redis-cli", connection + command).code == 0)
        }
    }
}
