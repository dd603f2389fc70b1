// Rollcall · EndToEndTests

import Access
import AccessSamples
import Crypto
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import rollcall

/// The fetches of a JWKS, from a provider that the test plays.
@Suite("The client of a JWKS")
struct JWKSClientTests {
    private let first = P256.Signing.PrivateKey()
    private let second = P256.Signing.PrivateKey()
    private let soon = JWKSClient.Times(
        refresh: .seconds(3_600), pause: .milliseconds(50), timeout: .milliseconds(500), longestOutage: .seconds(3_600))

    @Test func `Keys are fetched at the start, and again for a token with an unknown kid`() async throws {
        try await withClient(of: soon) { provider, credentials in
            provider.answer(.keys([("one", first)]))
            try await eventually("the first keys") { !credentials.awaitsKeys }
            _ = try caller(credentials, signedBy: first, kid: "one")
            #expect(throws: Refusal.self) { try caller(credentials, signedBy: second, kid: "two") }
            provider.answer(.keys([("one", first), ("two", second)]))
            try await eventually("the new key") { (try? caller(credentials, signedBy: second, kid: "two")) != nil }
        }
    }

    @Test func `A key that the provider has removed verifies nothing, also if it was the last one`() async throws {
        var times = soon
        times.refresh = .milliseconds(100)
        try await withClient(of: times) { provider, credentials in
            provider.answer(.keys([("one", first)]))
            try await eventually("the first keys") { !credentials.awaitsKeys }
            let open = try caller(credentials, signedBy: first, kid: "one")
            provider.answer(.keys([]))
            try await eventually("the removal") { !credentials.holds(open, at: Date().timeIntervalSince1970) }
            #expect(throws: Refusal.self) { try caller(credentials, signedBy: first, kid: "one") }
        }
    }

    @Test(arguments: Provider.Answer.faults)
    fileprivate func `An answer that is no JWKS changes nothing`(fault: Provider.Answer) async throws {
        var times = soon
        times.refresh = .milliseconds(100)
        try await withClient(of: times) { provider, credentials in
            provider.answer(.keys([("one", first)]))
            try await eventually("the first keys") { !credentials.awaitsKeys }
            provider.answer(fault)
            let before = provider.requests
            try await eventually("two more requests") { provider.requests >= before + 2 }
            _ = try caller(credentials, signedBy: first, kid: "one")
        }
    }

    @Test func `Before the first answer the keys are awaited, and after a long outage none is left`() async throws {
        var times = soon
        times.refresh = .milliseconds(100)
        times.longestOutage = .milliseconds(1)
        try await withClient(of: times) { provider, credentials in
            provider.answer(.status(503))
            try await eventually("a request") { provider.requests > 0 }
            #expect(credentials.awaitsKeys)
            provider.answer(.keys([("one", first)]))
            try await eventually("the first keys") { (try? caller(credentials, signedBy: first, kid: "one")) != nil }
            provider.answer(.status(503))
            try await eventually("the loss") { (try? caller(credentials, signedBy: first, kid: "one")) == nil }
        }
    }

    private func caller(
        _ credentials: Credentials, signedBy key: P256.Signing.PrivateKey, kid: String
    ) throws -> Caller {
        let head = #"{"alg":"ES256","kid":"\#(kid)"}"#
        let token = try SampleToken.es256(SampleToken.payload(), head: head, key: key)
        return try credentials.caller(authorization: "Bearer \(token)", at: Date().timeIntervalSince1970)
    }

    private func withClient(
        of times: JWKSClient.Times, _ body: (Provider, Credentials) async throws -> Void
    ) async throws {
        let provider = try await Provider.start()
        let credentials = Credentials(Credentials.Keys(), isOpen: false, fetches: true)
        let client = JWKSClient(
            url: "http://127.0.0.1:\(provider.port)/jwks", credentials: credentials, times: times,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, onChange: {})
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await client.run() }
            do {
                try await body(provider, credentials)
            } catch {
                group.cancelAll()
                throw error
            }
            group.cancelAll()
            try await group.waitForAll()
        }
        try await provider.stop()
    }
}

/// An identity provider: it answers each request with what the test has set.
private final class Provider: Sendable {
    enum Answer: Sendable, CustomTestStringConvertible {
        case keys([(kid: String, key: P256.Signing.PrivateKey)])
        case text(String)
        case status(Int)
        /// The head of an answer without its body.
        case unfinished

        static let faults: [Answer] = [
            .status(404), .status(302), .text("<html>"), .text(#"{"keys":1}"#),
            .text(#"{"keys":[]}"# + String(repeating: " ", count: 256 << 10)), .unfinished,
        ]

        var testDescription: String {
            switch self {
            case .keys(let keys): "\(keys.count) keys"
            case .text(let text): "\(text.prefix(12)), \(text.utf8.count) bytes"
            case .status(let status): "status \(status)"
            case .unfinished: "a head without a body"
            }
        }

        var body: String {
            guard case .keys(let keys) = self else { if case .text(let text) = self { return text } else { return "" } }
            let elements = keys.map { kid, key in
                let point = Array(key.publicKey.rawRepresentation)
                let (x, y) = (SampleToken.base64URL(Array(point[..<32])), SampleToken.base64URL(Array(point[32...])))
                return #"{"kty":"EC","crv":"P-256","alg":"ES256","kid":"\#(kid)","x":"\#(x)","y":"\#(y)"}"#
            }
            return #"{"keys":["# + elements.joined(separator: ",") + "]}"
        }
    }

    private let state = Mutex<(answer: Answer, requests: Int)>((.status(503), 0))
    private let server: Mutex<(any Channel)?> = Mutex(nil)

    var requests: Int { state.withLock { $0.requests } }
    var port: Int { server.withLock { $0?.localAddress?.port ?? 0 } }

    func answer(_ answer: Answer) { state.withLock { $0.answer = answer } }

    static func start() async throws -> Provider {
        let provider = Provider()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(provider: provider))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        provider.server.withLock { $0 = channel }
        return provider
    }

    func stop() async throws { try await server.withLock { $0 }?.close() }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let provider: Provider

        init(provider: Provider) { self.provider = provider }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard case .end = unwrapInboundIn(data) else { return }
            let answer = provider.state.withLock { state in
                state.requests += 1
                return state.answer
            }
            let status = if case .status(let code) = answer { code } else { 200 }
            let length = if case .unfinished = answer { 10 } else { answer.body.utf8.count }
            let head = HTTPResponseHead(
                version: .http1_1, status: .init(statusCode: status),
                headers: ["Content-Length": "\(length)", "Location": "/other"])
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            if case .unfinished = answer { return context.flush() }
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: answer.body)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}
