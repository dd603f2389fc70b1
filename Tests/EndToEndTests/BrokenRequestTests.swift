// Rollcall · EndToEndTests

import Foundation
import NIOCore
import NIOPosix
import RandomInput
import TestSupport
import Testing

/// Requests that are broken at random, down to the byte, and malformed ones.
@Suite("Broken requests")
struct BrokenRequestTests {
    private static let body = #"{"key":"alice","session":"tab-1","meta":{"status":"here"},"ttl":30}"#
    private static let chunked = "\(String(body.utf8.count, radix: 16))\r\n\(body)\r\n0\r\n\r\n"
    private static let batch = #"{"operations":[{"op":"untrack","topic":"lobby","key":"bob"}]}"#

    private static let requests = [
        "GET /v1/topics/lobby/presences?view=keys&limit=2&after=a HTTP/1.1\r\nHost: h\r\nIf-None-Match: \"0-0\"\r\n\r\n",
        "GET /v1/topics/lobby/presences HTTP/1.1\r\nHost: h\r\n\r\nGET /healthz HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST /v1/topics/lobby/presences HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)",
        "POST /v1/topics/lobby/presences HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\(chunked)",
        "POST /v1/batch HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: \(batch.utf8.count)\r\n\r\n\(batch)",
        "PATCH /v1/topics/a%2Fb/presences/%C3%BC/tab-1 HTTP/1.1\r\nHost: h\r\nIf-Match: *\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
        "DELETE /v1/topics/lobby/presences/alice HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "OPTIONS /v1/batch HTTP/1.1\r\nHost: h\r\nOrigin: https://x\r\nAccess-Control-Request-Method: POST\r\n\r\n",
        "GET /v1/topics/lobby/events?key=carol&grace=0&meta=%7B%7D HTTP/1.1\r\nHost: h\r\nLast-Event-ID: 0-0\r\n\r\n",
        "GET /v1/events?topic=lobby&topic=garden&since=0-0,0-0 HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\n\r\n",
    ].map { Array($0.utf8) }

    /// The node answers to `h`, and `x` may send the preflight among the requests.
    private static var settings: [String: String] {
        ["ROLLCALL_REDIS_PREFIX": uniquePrefix(), "ROLLCALL_ORIGINS": "http://h, https://x"]
    }

    /// Malformed requests, and the status that each gets.
    private static let notRequests: [(String, Int)] =
        [
            ("GET /healthz\r\n\r\n", 400), ("GET /healthz HTTP/9.9\r\nHost: h\r\n\r\n", 505),
            ("BREW /healthz HTTP/1.1\r\nHost: h\r\n\r\n", 501),
            ("GET /healthz HTTP/1.1\r\nHost\r\n\r\n", 400),
            ("GET /healthz HTTP/1.1\r\nHost: h\r\nName : a\r\n\r\n", 400),
            ("GET /healthz HTTP/1.1\r\nHost: h\r\nName: a\0b\r\n\r\n", 400),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
            ("GET /v1/topics/ü/presences HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}", 400),
            ("GET /\(String(repeating: "a", count: 200_000)) HTTP/1.1\r\nHost: h\r\n\r\n", 414),
            ("GET /healthz HTTP/1.1\r\nName: \(String(repeating: "a", count: 200_000))\r\n\r\n", 431),
            ("GET /healthz HTTP/1.1\r\n\(String(repeating: "Name: a\r\n", count: 20_000))\r\n", 431),
            ("GET /healthz HTTP/1.1\r\n\(String(repeating: "Name: a\r\n", count: 1100))\r\n", 431),
            (
                "GET /healthz HTTP/1.1\r\n\(String(repeating: "Name: \(String(repeating: "a", count: 20_000))\r\n", count: 5))\r\n",
                431
            ),
        ]
        + [
            ("Content-Length: x", 400), ("Content-Length: -1", 400),
            ("Content-Length: 67\r\nContent-Length: 68", 400), ("Content-Length: 68", 400),
            ("Content-Length: 67\r\nTransfer-Encoding: chunked", 400), ("Transfer-Encoding: gzip", 501),
            ("Transfer-Encoding: chunked", 400),
        ].map { ("POST /v1/topics/lobby/presences HTTP/1.1\r\nHost: h\r\n\($0)\r\n\r\n\(body)", $1) }

    @Test(
        .timeLimit(.minutes(15)))
    func `A node answers or closes after each of 2,000 broken requests, keeps no stream, and serves the next client`()
        async throws
    {
        let seed = SplitMix.freshSeed()
        print("broken requests: seed \(seed)")
        var random = SplitMix(seed: seed)
        let alphabet = Array(" /:?&=%+.,;\"{}[]\r\n\t\0\u{7F}019aHTP-é".utf8) + [0x80, 0xFF]
        try await withRollcall(redis: SharedRedis.url, environment: Self.settings) { node in
            for _ in 0..<100 {
                let requests = (0..<20).map { _ in random.damaged(random.pick(Self.requests), alphabet: alphabet) }
                try await withThrowingTaskGroup { group in
                    for request in requests {
                        group.addTask {
                            let status = try await Self.status(of: request, at: node.url)
                            // While Redis is slow any request may get 503.
                            let isRight =
                                status.map { (100..<500).contains($0) || [501, 503, 505].contains($0) } ?? true
                            #expect(isRight, "\(status ?? 0), seed \(seed): \(request)")
                        }
                    }
                    try await group.waitForAll()
                }
                let path = RollcallClient.path(topic: "next", "presences", "dave", "tab-1")
                try await eventually("a put, seed \(seed)") {
                    [200, 201].contains(try await node.client.put(path, "{}").status)
                }
            }
            try await eventually("the end of every stream, seed \(seed)") {
                try await node.client.get("/metrics").text.contains("\nrollcall_streams_open 0\n")
            }
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `a malformed request gets the status of its fault, and an incomplete one gets 400 or no answer`() async throws
    {
        try await withRollcall(redis: SharedRedis.url, environment: Self.settings) { node in
            for (text, right) in Self.notRequests {
                let status = try await Self.status(of: Array(text.utf8), at: node.url)
                #expect(status == right, "\(text.prefix(200))")
            }
            for text in ["", "GET", "GET /healthz HTTP/1.1\r\nHost: h\r\n"] {
                let status = try await Self.status(of: Array(text.utf8), at: node.url)
                #expect(status == nil || status == 400, "\(text)")
            }
            for fields in [
                "Host: h\r\n",
                "Host: h\r\n" + String(repeating: "Name: \(String(repeating: "a", count: 180))\r\n", count: 300),
            ] {
                #expect(
                    try await Self.status(of: Array("GET /healthz HTTP/1.1\r\n\(fields)\r\n".utf8), at: node.url) == 200
                )
            }
        }
    }

    /// Sends a request, closes the direction, and returns the status of the HTTP answer; nil if only the end comes.
    private static func status(of request: [UInt8], at url: String) async throws -> Int? {
        let address = try #require(URLComponents(string: url))
        let answer = NIOSingletons.posixEventLoopGroup.next().makePromise(of: [UInt8].self)
        let connected = ClientBootstrap(group: answer.futureResult.eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(FirstBytes(promise: answer))
                }
            }
            .connect(host: address.host ?? "", port: address.port ?? 0)
        // A promise that is never completed would end the whole run.
        connected.whenFailure(answer.fail)
        let channel = try await connected.get()
        let hang = channel.eventLoop.scheduleTask(in: .seconds(120) * Int64(patience)) {
            answer.fail(NeverHappened(description: "an answer to \(String(decoding: request, as: UTF8.self))"))
        }
        try? await channel.writeAndFlush(ByteBuffer(bytes: request))
        try? await channel.close(mode: .output)
        let bytes = try await answer.futureResult.get()
        hang.cancel()
        try? await channel.close()
        let words = String(decoding: bytes, as: UTF8.self).split(separator: " ", maxSplits: 2)
        guard !bytes.isEmpty else { return nil }
        return try #require(
            words.first?.hasPrefix("HTTP/1.") == true ? words.dropFirst().first.flatMap { Int($0) } : nil, "\(bytes)")
    }

    /// Completes with the first bytes; with none if the connection ends first.
    private final class FirstBytes: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let promise: EventLoopPromise<[UInt8]>

        init(promise: EventLoopPromise<[UInt8]>) { self.promise = promise }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            promise.succeed(Array(unwrapInboundIn(data).readableBytesView))
        }

        func channelInactive(context: ChannelHandlerContext) { promise.succeed([]) }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
