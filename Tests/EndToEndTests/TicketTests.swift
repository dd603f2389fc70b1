// Rollcall · EndToEndTests

import Foundation
import LocalServices
import TestSupport
import Testing

/// Streams that are opened with tickets, as the EventSource of a browser opens them.
@Suite("Tickets")
struct TicketTests {
    private static let secret = "a secret of these tests, longer than 32 bytes"
    /// The text of a ticket that no node has made.
    private static let unknown = String(repeating: "A", count: 43)
    private static let rights = #"{"topic_prefixes":{"room":["track","see"]}}"#

    private func withNode(
        redis: String? = nil, prefix: String = uniquePrefix(), _ more: [String: String] = [:],
        _ body: (RollcallProcess) async throws -> Void
    ) async throws {
        let settings = ["ROLLCALL_TOKEN_SECRET": Self.secret, "ROLLCALL_REDIS_PREFIX": prefix]
        let url: String
        if let redis { url = redis } else { url = try await SharedRedis.url }
        try await withRollcall(redis: url, environment: settings.merging(more) { $1 }) { try await body($0) }
    }

    /// The fields of a request with a token that the program itself makes.
    private func token(
        _ key: String = "alice", rights: String = Self.rights, lifetime: Int = 3600
    ) async throws -> [String: String] {
        try await RollcallProcess.token(key, rights: rights, lifetime: lifetime, secret: Self.secret)
    }

    /// Tracks a user on the topic of the tickets.
    private func track(_ key: String, on node: RollcallProcess) async throws {
        let answer = try await node.client.post("/v1/topics/room/presences", "{}", headers: try await token(key))
        try #require(answer.status == 201, "\(answer.text)")
    }

    /// Makes a ticket, and returns the URL of its stream.
    private func url(
        _ node: RollcallProcess, _ body: String = #"{"topic":"room"}"#, headers: [String: String]? = nil
    ) async throws -> String {
        let fields: [String: String]
        if let headers { fields = headers } else { fields = try await token() }
        let answer = try await node.client.post("/v1/tickets", body, headers: fields)
        try #require(answer.status == 201, "\(answer.text)")
        return try #require(try answer.json["url"]?.string)
    }

    private func expect(
        _ status: Int, _ detail: String? = nil, of node: RollcallProcess, _ url: String, lastID: String? = nil,
        headers: [String: String] = [:], line: Int = #line
    ) async throws {
        let fields = lastID.map { headers.merging(["Last-Event-ID": $0]) { $1 } } ?? headers
        for method in ["HEAD", "GET"] {
            let answer = try await node.client.send(method, url, headers: fields)
            #expect(answer.status == status, "line \(line), \(method): \(answer.text)")
            if method == "GET", let detail { #expect(answer.text.contains(detail), "line \(line): \(answer.text)") }
            guard status == 401 else { continue }
            #expect(answer.header("WWW-Authenticate") == #"Bearer realm="rollcall", error="invalid_token""#)
        }
    }

    // MARK: Opening

    @Test func `a ticket opens one stream without a credential, and again only with the last id of that stream`()
        async throws
    {
        try await withNode { node in
            try await track("bob", on: node)
            let url = try await url(node)
            let first = try await node.client.events(url)
            #expect(first.status == 200 && first.header("Content-Type") == "text/event-stream")
            let state = try await first.next("presence_state")
            #expect(first.events.first?.name == "ping" && first.events.first?.id?.hasPrefix("0-0.") == true)
            #expect(state.id == first.lastEventID)
            await first.close()

            try await expect(401, "is used", of: node, url)
            try await expect(401, "is used", of: node, url, lastID: "0-0")
            try await expect(401, "is used", of: node, url + "&since=0-0")

            try await track("carol", on: node)
            let second = try await node.client.events(url, lastEventID: first.lastEventID)
            #expect(second.status == 200)
            #expect(try await second.next("presence_diff").json["joins"]?["carol"] != nil)
            // The id of the earlier opening is of no use any more.
            try await expect(401, "is used", of: node, url, lastID: first.lastEventID)
            await second.close()
            let third = try await node.client.events(url + "&lastEventId=\(second.lastEventID)")
            #expect(third.status == 200)
            await third.close()
        }
    }

    @Test func `a stream that resumes with nothing missed has the new tag at once`() async throws {
        try await withNode { node in
            try await track("bob", on: node)
            let url = try await url(node)
            var stream = try await node.client.events(url)
            _ = try await stream.next("presence_state")
            for _ in 0..<3 {
                let last = stream.lastEventID
                await stream.close()
                stream = try await node.client.events(url, lastEventID: last)
                try await eventually("another id") { stream.lastEventID != last && !stream.lastEventID.isEmpty }
                #expect(stream.lastEventID.prefix { $0 != "." } == last.prefix { $0 != "." })
            }
            await stream.close()
        }
    }

    @Test func `a ticket of many topics opens their stream, with the view of the ticket`() async throws {
        try await withNode { node in
            let url = try await url(node, #"{"topics":["room:1","room:2"],"view":"count"}"#)
            #expect(url.hasPrefix("/v1/events?ticket="))
            let stream = try await node.client.events(url)
            let topics = [
                try await stream.next("presence_count").json["topic"]?.string,
                try await stream.next("presence_count").json["topic"]?.string,
            ]
            #expect(Set(topics) == ["room:1", "room:2"])
            #expect(stream.lastEventID.prefix { $0 != "." } == "0-0,0-0")
            await stream.close()
        }
    }

    @Test func `a presence of a ticket keeps its session and stays present when the stream is opened again`()
        async throws
    {
        try await withNode { node in
            let watcher = try await node.client.events("/v1/topics/room/events", headers: try await token("bob"))
            _ = try await watcher.next("presence_state")
            let url = try await url(node, #"{"topic":"room","present":{"meta":{"tab":1},"grace":30}}"#)
            let first = try await node.client.events(url)
            let tracked = try await first.next("tracked").json
            #expect(tracked["key"]?.string == "alice" && tracked["grace"]?.int == 30)
            _ = try await first.next("presence_state")
            await first.close()
            let second = try await node.client.events(url, lastEventID: first.lastEventID)
            let again = try await second.next("tracked").json
            #expect(again["session"] == tracked["session"] && again["phx_ref"] == tracked["phx_ref"])
            let joins = try await watcher.next("presence_diff").json["joins"]
            #expect(joins?["alice"]?["metas"]?[0]?["tab"]?.int == 1)
            #expect(try watcher.events.allSatisfy { try $0.json["leaves"]?["alice"] == nil })
            for stream in [watcher, second] { await stream.close() }
        }
    }

    @Test func `a ticket that tracks and sees nothing has ids without a position, and can be opened again`()
        async throws
    {
        try await withNode { node in
            let headers = try await token(rights: #"{"topics":{"room":["track"]}}"#)
            let url = try await url(node, #"{"topic":"room","present":{}}"#, headers: headers)
            let first = try await node.client.events(url)
            _ = try await first.next("tracked")
            #expect(first.events.allSatisfy { ["ping", "tracked"].contains($0.name) })
            #expect(first.lastEventID.hasPrefix("0-0."))
            await first.close()
            let second = try await node.client.events(url, lastEventID: first.lastEventID)
            _ = try await second.next("tracked")
            await second.close()
        }
    }

    @Test func `HEAD and refused requests use nothing up`() async throws {
        let origins = ["ROLLCALL_ORIGINS": "https://app.example,https://other.example"]
        try await withNode(origins) { node in
            var headers = try await token()
            headers["Origin"] = "https://app.example"
            let url = try await url(node, headers: headers)
            for _ in 0..<3 { #expect(try await node.client.send("HEAD", url).status == 200) }
            let other = url.replacing("/room/", with: "/room2/")
            try await expect(401, "another stream", of: node, other)
            let many = url.replacing("/topics/room/", with: "/")
            try await expect(401, "another stream", of: node, many)
            try await expect(401, "another origin", of: node, url, headers: ["Origin": "https://other.example"])
            try await expect(403, of: node, url, headers: ["Origin": "https://evil.example"])
            try await expect(403, of: node, url, headers: ["Sec-Fetch-Site": "cross-site"])
            try await expect(400, of: node, url + "&view=count")
            try await expect(401, "is not known", of: node, url.replacing(/ticket=.*/, with: "ticket=" + Self.unknown))
            try await expect(401, "another form", of: node, url + "x")

            let stream = try await node.client.events(url, headers: ["Origin": "https://app.example"])
            _ = try await stream.next("presence_state")
            // Refused requests end no open stream either.
            try await expect(401, "is used", of: node, url)
            let last = ["Last-Event-ID": stream.lastEventID]
            #expect(try await node.client.send("HEAD", url, headers: last).status == 200)
            try await track("bob", on: node)
            _ = try await stream.next("presence_diff")
            await stream.close()
        }
    }

    // MARK: Limits

    @Test func `a stream of a ticket counts as one of its user, and a ticket that is refused can be used later`()
        async throws
    {
        // An open node shows its metrics without a credential.
        try await withNode(["ROLLCALL_USER_LIMITS": "streams=1", "ROLLCALL_OPEN": "true"]) { node in
            let (one, two) = (try await url(node), try await url(node))
            let first = try await node.client.events(one)
            _ = try await first.next("presence_state")
            #expect(first.header("RateLimit")?.contains("user_requests") == true)
            let refused = try await node.client.get(two)
            #expect(try refused.status == 403 && refused.json["limit"]?.string == "user_streams")
            #expect(try await node.client.metric(#"rollcall_rate_limited_total{limit="user_streams"}"#) == 1)
            await first.close()
            try await eventually("room for a stream") { try await node.client.send("HEAD", two).status == 200 }
            let second = try await node.client.events(two)
            #expect(second.status == 200)
            await second.close()
        }
    }

    @Test func `a stream of a ticket uses the rates of its user, and a refused one uses nothing up`() async throws {
        try await withNode(["ROLLCALL_USER_LIMITS": "tracks=1/600s"]) { node in
            let body = #"{"topic":"room","present":{}}"#
            let (one, two) = (try await url(node, body), try await url(node, body))
            let stream = try await node.client.events(one)
            _ = try await stream.next("tracked")
            let refused = try await node.client.get(two)
            #expect(try refused.status == 429 && refused.json["limit"]?.string == "user_tracks")
            #expect(refused.header("Retry-After") != nil && refused.header("RateLimit") != nil)
            #expect(try await node.client.send("HEAD", two).status == 200)
            await stream.close()
        }
    }

    @Test func `wrong tickets of an address count as wrong credentials`() async throws {
        let settings = ["ROLLCALL_ADDRESS_LIMITS": "failures=2/600s", "ROLLCALL_TRUSTED_PROXIES": "127.0.0.1"]
        try await withNode(settings) { node in
            let good = try await url(node)
            let wrong = "/v1/topics/room/events?ticket=" + Self.unknown
            let headers = ["X-Forwarded-For": "203.0.113.7"]
            for status in [401, 401, 429] {
                let answer = try await node.client.get(wrong, headers: headers)
                #expect(answer.status == status && answer.header("RateLimit")?.contains("address_failures") == true)
            }
            #expect(try await node.client.send("HEAD", good, headers: headers).status == 429)
            let other = ["X-Forwarded-For": "203.0.113.8"]
            #expect(try await node.client.send("HEAD", good, headers: other).status == 200)
        }
    }

    // MARK: Ends

    @Test func `a later use on another node has the stream, and ends the earlier one`() async throws {
        let prefix = uniquePrefix()
        try await withNode(prefix: prefix) { one in
            try await withNode(prefix: prefix) { two in
                let url = try await url(one)
                let first = try await one.client.events(url)
                _ = try await first.next("presence_state")
                let second = try await two.client.events(url, lastEventID: first.lastEventID)
                #expect(second.status == 200)
                #expect(try await first.next("end").data == #"{"reason":"replaced","reconnect":false}"#)
                try await eventually("the end of the first stream") { first.end != nil }
                // As the EventSource of the first stream does.
                try await expect(401, "is used", of: one, url, lastID: first.lastEventID)
                try await track("bob", on: one)
                _ = try await second.next("presence_diff")
                #expect(second.end == nil)
                await second.close()
            }
        }
    }

    @Test func `a ticket that is first used after its time opens nothing`() async throws {
        let prefix = uniquePrefix()
        try await withNode(prefix: prefix) { node in
            let url = try await url(node)
            let socket = try await SharedRedis.redis.socketPath
            let names = try await Command.run("redis-cli", ["-s", socket, "KEYS", prefix + "*:t"])
            let name = names.output.trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(try await Command.run("redis-cli", ["-s", socket, "PEXPIRE", name, "1"]).code == 0)
            try await eventually("the end of the time") { try await node.client.send("HEAD", url).status == 401 }
            try await expect(401, "60 seconds", of: node, url)
        }
    }

    @Test func `a ticket ends with the token that got it, and its stream announces this`() async throws {
        try await withNode { node in
            let headers = try await token(lifetime: 4)
            let (used, unused) = (try await url(node, headers: headers), try await url(node, headers: headers))
            let stream = try await node.client.events(used)
            #expect(try await stream.next("expiring").data.contains("expires_at"))
            #expect(try await stream.next("error", timeout: .seconds(30)).data.contains("/problems/token-expired"))
            try await eventually("the end of the stream") { stream.end != nil }
            try await expect(401, "ended with its credential", of: node, used, lastID: stream.lastEventID)
            try await expect(401, "ended with its credential", of: node, unused)
        }
    }

    @Test func `a retired key ends the streams of its tickets, and they open nothing more`() async throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let file = folder + "/secret"
        try Self.secret.write(toFile: file, atomically: true, encoding: .utf8)
        try await withNode(["ROLLCALL_TOKEN_SECRET": "", "ROLLCALL_TOKEN_SECRET_FILE": file]) { node in
            let (used, unused) = (try await url(node), try await url(node))
            let stream = try await node.client.events(used)
            _ = try await stream.next("presence_state")
            try String(Self.secret.reversed()).write(toFile: file, atomically: true, encoding: .utf8)
            node.process.send(SIGHUP)
            #expect(try await stream.next("error").data.contains("/problems/token-expired"))
            try await expect(401, "was retired", of: node, used, lastID: stream.lastEventID)
            try await expect(401, "was retired", of: node, unused)
        }
    }

    @Test func `after FLUSHALL a ticket opens nothing, and its open stream goes on`() async throws {
        try await withLocalRedis { redis in
            try await withNode(redis: redis.url) { node in
                let (used, unused) = (try await url(node), try await url(node))
                let stream = try await node.client.events(used)
                _ = try await stream.next("presence_state")
                #expect(try await Command.run("redis-cli", ["-s", redis.socketPath, "FLUSHALL"]).code == 0)
                try await expect(401, "is not known", of: node, unused)
                try await expect(401, "is not known", of: node, used, lastID: stream.lastEventID)
                try await track("bob", on: node)
                _ = try await stream.next("presence_diff")
                await stream.close()
            }
        }
    }

    @Test func `while Redis is away no ticket is made and none opens a stream, and afterwards it does`() async throws {
        try await withLocalRedis(arguments: ["--appendonly", "yes", "--appendfsync", "always"]) { redis in
            try await withNode(redis: redis.url) { node in
                let url = try await url(node)
                await redis.kill()
                let made = try await node.client.post(
                    "/v1/tickets", #"{"topic":"room"}"#, headers: try await token())
                #expect(made.status == 503 && made.header("Retry-After") != nil)
                let refused = try await node.client.get(url)
                #expect(refused.status == 503 && refused.header("Retry-After") != nil, "\(refused.text)")
                #expect(refused.text.contains("/problems/unavailable"))
                try await redis.restart()
                try await eventually("an answer of Redis") { try await node.client.send("HEAD", url).status != 503 }
                let stream = try await node.client.events(url)
                #expect(stream.status == 200)
                await stream.close()
            }
        }
    }

    @Test func `an open node makes tickets without a credential`() async throws {
        let settings = ["ROLLCALL_REDIS_PREFIX": uniquePrefix()]
        try await withRollcall(redis: try await SharedRedis.url, environment: settings) { node in
            let url = try await url(node, #"{"topic":"room","present":{"key":"alice"}}"#, headers: [:])
            let stream = try await node.client.events(url)
            #expect(try await stream.next("tracked").json["key"]?.string == "alice")
            await stream.close()
        }
    }

    @Test func `a ticket is in no line of the log`() async throws {
        try await withNode(["ROLLCALL_LOG_LEVEL": "trace"]) { node in
            let url = try await url(node)
            let stream = try await node.client.events(url)
            _ = try await stream.next("presence_state")
            await stream.close()
            try await expect(401, "is used", of: node, url)
            let ticket = try #require(url.split(separator: "=").last)
            try await eventually("the lines of the requests") { node.log.contains("status=401") }
            #expect(!node.log.contains(ticket) && !node.log.contains(stream.lastEventID))
        }
    }
}
